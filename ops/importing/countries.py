"""Which country a text of an address book means: by code, or by a name that ISO 3166-1 or common usage gives it."""

from __future__ import annotations

import unicodedata
from typing import Final

from domain.values.countries import COUNTRY_CODES

# Code, the name that is shown, other names.
_NAMES: Final = """
AD|Andorra|Principality of Andorra|AND
AE|United Arab Emirates|ARE
AF|Afghanistan|Islamic Republic of Afghanistan|AFG
AG|Antigua and Barbuda|ATG
AI|Anguilla|AIA
AL|Albania|Republic of Albania|ALB
AM|Armenia|Republic of Armenia|ARM
AO|Angola|Republic of Angola|AGO
AQ|Antarctica|ATA
AR|Argentina|Argentine Republic|ARG
AS|American Samoa|ASM
AT|Austria|Republic of Austria|AUT|Österreich
AU|Australia|AUS
AW|Aruba|ABW
AX|Åland Islands|ALA
AZ|Azerbaijan|Republic of Azerbaijan|AZE
BA|Bosnia and Herzegovina|Republic of Bosnia and Herzegovina|BIH
BB|Barbados|BRB
BD|Bangladesh|People's Republic of Bangladesh|BGD
BE|Belgium|Kingdom of Belgium|BEL|België|Belgique
BF|Burkina Faso|BFA
BG|Bulgaria|Republic of Bulgaria|BGR
BH|Bahrain|Kingdom of Bahrain|BHR
BI|Burundi|Republic of Burundi|BDI
BJ|Benin|Republic of Benin|BEN
BL|Saint Barthélemy|BLM
BM|Bermuda|BMU
BN|Brunei Darussalam|BRN
BO|Bolivia|Bolivia, Plurinational State of|Plurinational State of Bolivia|BOL
BQ|Sint Eustatius and Saba Bonaire|Bonaire, Sint Eustatius and Saba|BES
BR|Brazil|Federative Republic of Brazil|BRA|Brasil
BS|Bahamas|Commonwealth of the Bahamas|BHS
BT|Bhutan|Kingdom of Bhutan|BTN
BV|Bouvet Island|BVT
BW|Botswana|Republic of Botswana|BWA
BY|Belarus|Republic of Belarus|BLR
BZ|Belize|BLZ
CA|Canada|CAN
CC|Cocos (Keeling) Islands|CCK
CD|The Democratic Republic of the Congo|Congo, The Democratic Republic of the|COD
CF|Central African Republic|CAF
CG|Congo|Republic of the Congo|COG
CH|Switzerland|Swiss Confederation|CHE|Schweiz|Suisse|Svizzera
CI|Côte d'Ivoire|Republic of Côte d'Ivoire|CIV|Ivory Coast
CK|Cook Islands|COK
CL|Chile|Republic of Chile|CHL
CM|Cameroon|Republic of Cameroon|CMR
CN|China|People's Republic of China|CHN|中国
CO|Colombia|Republic of Colombia|COL
CR|Costa Rica|Republic of Costa Rica|CRI
CU|Cuba|Republic of Cuba|CUB
CV|Cabo Verde|Republic of Cabo Verde|CPV|Cape Verde
CW|Curaçao|CUW
CX|Christmas Island|CXR
CY|Cyprus|Republic of Cyprus|CYP
CZ|Czechia|Czech Republic|CZE
DE|Germany|Federal Republic of Germany|DEU|Deutschland
DJ|Djibouti|Republic of Djibouti|DJI
DK|Denmark|Kingdom of Denmark|DNK|Danmark
DM|Dominica|Commonwealth of Dominica|DMA
DO|Dominican Republic|DOM
DZ|Algeria|People's Democratic Republic of Algeria|DZA
EC|Ecuador|Republic of Ecuador|ECU
EE|Estonia|Republic of Estonia|EST
EG|Egypt|Arab Republic of Egypt|EGY
EH|Western Sahara|ESH
ER|Eritrea|the State of Eritrea|ERI
ES|Spain|Kingdom of Spain|ESP|España
ET|Ethiopia|Federal Democratic Republic of Ethiopia|ETH
FI|Finland|Republic of Finland|FIN|Suomi
FJ|Fiji|Republic of Fiji|FJI
FK|Falkland Islands (Malvinas)|FLK
FM|Federated States of Micronesia|Micronesia, Federated States of|FSM
FO|Faroe Islands|FRO
FR|France|French Republic|FRA
GA|Gabon|Gabonese Republic|GAB
GB|United Kingdom|United Kingdom of Great Britain and Northern Ireland|GBR|UK|Great Britain|England|Scotland|Wales|Northern Ireland
GD|Grenada|GRD
GE|Georgia|GEO
GF|French Guiana|GUF
GG|Guernsey|GGY
GH|Ghana|Republic of Ghana|GHA
GI|Gibraltar|GIB
GL|Greenland|GRL
GM|Gambia|Republic of the Gambia|GMB
GN|Guinea|Republic of Guinea|GIN
GP|Guadeloupe|GLP
GQ|Equatorial Guinea|Republic of Equatorial Guinea|GNQ
GR|Greece|Hellenic Republic|GRC|Hellas
GS|South Georgia and the South Sandwich Islands|SGS
GT|Guatemala|Republic of Guatemala|GTM
GU|Guam|GUM
GW|Guinea-Bissau|Republic of Guinea-Bissau|GNB
GY|Guyana|Republic of Guyana|GUY
HK|Hong Kong|Hong Kong Special Administrative Region of China|HKG
HM|Heard Island and McDonald Islands|HMD
HN|Honduras|Republic of Honduras|HND
HR|Croatia|Republic of Croatia|HRV
HT|Haiti|Republic of Haiti|HTI
HU|Hungary|HUN|Magyarország
ID|Indonesia|Republic of Indonesia|IDN
IE|Ireland|IRL
IL|Israel|State of Israel|ISR
IM|Isle of Man|IMN
IN|India|Republic of India|IND
IO|British Indian Ocean Territory|IOT
IQ|Iraq|Republic of Iraq|IRQ
IR|Iran|Iran, Islamic Republic of|Islamic Republic of Iran|IRN
IS|Iceland|Republic of Iceland|ISL|Ísland
IT|Italy|Italian Republic|ITA|Italia
JE|Jersey|JEY
JM|Jamaica|JAM
JO|Jordan|Hashemite Kingdom of Jordan|JOR
JP|Japan|JPN|日本
KE|Kenya|Republic of Kenya|KEN
KG|Kyrgyzstan|Kyrgyz Republic|KGZ
KH|Cambodia|Kingdom of Cambodia|KHM
KI|Kiribati|Republic of Kiribati|KIR
KM|Comoros|Union of the Comoros|COM
KN|Saint Kitts and Nevis|KNA
KP|North Korea|Korea, Democratic People's Republic of|Democratic People's Republic of Korea|PRK
KR|South Korea|Korea, Republic of|KOR|대한민국
KW|Kuwait|State of Kuwait|KWT
KY|Cayman Islands|CYM
KZ|Kazakhstan|Republic of Kazakhstan|KAZ
LA|Laos|Lao People's Democratic Republic|LAO
LB|Lebanon|Lebanese Republic|LBN
LC|Saint Lucia|LCA
LI|Liechtenstein|Principality of Liechtenstein|LIE
LK|Sri Lanka|Democratic Socialist Republic of Sri Lanka|LKA
LR|Liberia|Republic of Liberia|LBR
LS|Lesotho|Kingdom of Lesotho|LSO
LT|Lithuania|Republic of Lithuania|LTU
LU|Luxembourg|Grand Duchy of Luxembourg|LUX
LV|Latvia|Republic of Latvia|LVA
LY|Libya|LBY
MA|Morocco|Kingdom of Morocco|MAR
MC|Monaco|Principality of Monaco|MCO
MD|Moldova|Moldova, Republic of|Republic of Moldova|MDA
ME|Montenegro|MNE
MF|Saint Martin (French part)|MAF
MG|Madagascar|Republic of Madagascar|MDG
MH|Marshall Islands|Republic of the Marshall Islands|MHL
MK|North Macedonia|Republic of North Macedonia|MKD|Macedonia
ML|Mali|Republic of Mali|MLI
MM|Myanmar|Republic of Myanmar|MMR
MN|Mongolia|MNG
MO|Macao|Macao Special Administrative Region of China|MAC
MP|Northern Mariana Islands|Commonwealth of the Northern Mariana Islands|MNP
MQ|Martinique|MTQ
MR|Mauritania|Islamic Republic of Mauritania|MRT
MS|Montserrat|MSR
MT|Malta|Republic of Malta|MLT
MU|Mauritius|Republic of Mauritius|MUS
MV|Maldives|Republic of Maldives|MDV
MW|Malawi|Republic of Malawi|MWI
MX|Mexico|United Mexican States|MEX
MY|Malaysia|MYS
MZ|Mozambique|Republic of Mozambique|MOZ
NA|Namibia|Republic of Namibia|NAM
NC|New Caledonia|NCL
NE|Niger|Republic of the Niger|NER
NF|Norfolk Island|NFK
NG|Nigeria|Federal Republic of Nigeria|NGA
NI|Nicaragua|Republic of Nicaragua|NIC
NL|Netherlands|Kingdom of the Netherlands|NLD|Nederland|Holland
NO|Norway|Kingdom of Norway|NOR|Norge
NP|Nepal|Federal Democratic Republic of Nepal|NPL
NR|Nauru|Republic of Nauru|NRU
NU|Niue|NIU
NZ|New Zealand|NZL
OM|Oman|Sultanate of Oman|OMN
PA|Panama|Republic of Panama|PAN
PE|Peru|Republic of Peru|PER
PF|French Polynesia|PYF
PG|Papua New Guinea|Independent State of Papua New Guinea|PNG
PH|Philippines|Republic of the Philippines|PHL
PK|Pakistan|Islamic Republic of Pakistan|PAK
PL|Poland|Republic of Poland|POL|Polska
PM|Saint Pierre and Miquelon|SPM
PN|Pitcairn|PCN
PR|Puerto Rico|PRI
PS|State of Palestine|Palestine, State of|the State of Palestine|PSE
PT|Portugal|Portuguese Republic|PRT
PW|Palau|Republic of Palau|PLW
PY|Paraguay|Republic of Paraguay|PRY
QA|Qatar|State of Qatar|QAT
RE|Réunion|REU
RO|Romania|ROU
RS|Serbia|Republic of Serbia|SRB
RU|Russian Federation|RUS|Russia
RW|Rwanda|Rwandese Republic|RWA
SA|Saudi Arabia|Kingdom of Saudi Arabia|SAU
SB|Solomon Islands|SLB
SC|Seychelles|Republic of Seychelles|SYC
SD|Sudan|Republic of the Sudan|SDN
SE|Sweden|Kingdom of Sweden|SWE|Sverige
SG|Singapore|Republic of Singapore|SGP
SH|Ascension and Tristan da Cunha Saint Helena|Saint Helena, Ascension and Tristan da Cunha|SHN
SI|Slovenia|Republic of Slovenia|SVN
SJ|Svalbard and Jan Mayen|SJM
SK|Slovakia|Slovak Republic|SVK
SL|Sierra Leone|Republic of Sierra Leone|SLE
SM|San Marino|Republic of San Marino|SMR
SN|Senegal|Republic of Senegal|SEN
SO|Somalia|Federal Republic of Somalia|SOM
SR|Suriname|Republic of Suriname|SUR
SS|South Sudan|Republic of South Sudan|SSD
ST|Sao Tome and Principe|Democratic Republic of Sao Tome and Principe|STP
SV|El Salvador|Republic of El Salvador|SLV
SX|Sint Maarten (Dutch part)|SXM
SY|Syria|Syrian Arab Republic|SYR
SZ|Eswatini|Kingdom of Eswatini|SWZ|Swaziland
TC|Turks and Caicos Islands|TCA
TD|Chad|Republic of Chad|TCD
TF|French Southern Territories|ATF
TG|Togo|Togolese Republic|TGO
TH|Thailand|Kingdom of Thailand|THA
TJ|Tajikistan|Republic of Tajikistan|TJK
TK|Tokelau|TKL
TL|Timor-Leste|Democratic Republic of Timor-Leste|TLS
TM|Turkmenistan|TKM
TN|Tunisia|Republic of Tunisia|TUN
TO|Tonga|Kingdom of Tonga|TON
TR|Türkiye|Republic of Türkiye|TUR|Turkey
TT|Trinidad and Tobago|Republic of Trinidad and Tobago|TTO
TV|Tuvalu|TUV
TW|Taiwan|Taiwan, Province of China|TWN
TZ|Tanzania|Tanzania, United Republic of|United Republic of Tanzania|TZA
UA|Ukraine|UKR
UG|Uganda|Republic of Uganda|UGA
UM|United States Minor Outlying Islands|UMI
US|United States|United States of America|USA|U.S.A.
UY|Uruguay|Eastern Republic of Uruguay|URY
UZ|Uzbekistan|Republic of Uzbekistan|UZB
VA|Holy See (Vatican City State)|VAT
VC|Saint Vincent and the Grenadines|VCT
VE|Venezuela|Venezuela, Bolivarian Republic of|Bolivarian Republic of Venezuela|VEN
VG|British Virgin Islands|Virgin Islands, British|VGB
VI|U.S. Virgin Islands|Virgin Islands, U.S.|Virgin Islands of the United States|VIR
VN|Vietnam|Viet Nam|Socialist Republic of Viet Nam|VNM
VU|Vanuatu|Republic of Vanuatu|VUT
WF|Wallis and Futuna|WLF
WS|Samoa|Independent State of Samoa|WSM
YE|Yemen|Republic of Yemen|YEM
YT|Mayotte|MYT
ZA|South Africa|Republic of South Africa|ZAF
ZM|Zambia|Republic of Zambia|ZMB
ZW|Zimbabwe|Republic of Zimbabwe|ZWE
"""


def country_of(text: str) -> tuple[str, str] | None:
    """Code and name of the country that a code or name means, or None when nothing is known under it."""
    code = text.strip().upper()
    if code not in COUNTRY_CODES:
        code = _CODE_OF.get(_folded(text), "")
    return (code, _NAME_OF[code]) if code else None


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = (
        " " if not character.isalnum() else character
        for character in plain
        if unicodedata.category(character)[0] != "M"
    )
    return " ".join("".join(kept).split())


_ROWS: Final = [line.split("|") for line in _NAMES.strip().splitlines()]
_NAME_OF: Final = {code: name for code, name, *_ in _ROWS}
_CODE_OF: Final = {_folded(name): code for code, *names in _ROWS for name in names}
