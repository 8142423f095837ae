"""Amounts of money: a decimal text, so that no cent is lost, and the currency it is in."""

import re
from typing import Annotated, Final

from domain.model import Frozen
from domain.values.rules import broken, on_entry

_CODES: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
    LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
    PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
    TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC
    XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG
"""

CURRENCIES: Final = frozenset(_CODES.split())

"""The codes of ISO 4217, funds and metals included."""

_AMOUNT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?", re.ASCII)


def _currency(text: str) -> str:
    if text not in CURRENCIES:
        raise broken("currency")
    return text


def _amount(text: str) -> str:
    if _AMOUNT.fullmatch(text) is None:
        raise broken("amount")
    return text


Currency = Annotated[str, on_entry(_currency, pattern="^[A-Z]{3}$")]
"""ISO 4217, three capitals."""


class Money(Frozen):
    """An amount, such as ``-12.50``: at most 18 digits before the point and 9 behind it."""

    amount: Annotated[str, on_entry(_amount, pattern=f"^{_AMOUNT.pattern}$")]
    currency: Currency
