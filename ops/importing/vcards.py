"""Plans one person per vCard (4.0, and 3.0 as older software writes it) of a file or a folder.

The person's ids rest on the card's UID when that is a UUID, else on a digest of the card. The UID itself is
never the person id: a file from elsewhere must not be able to name, and so to change, a person held here.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from domain.components.catalogue import COMPONENT_TYPES
from ops.importing.commands import add_component, create_person
from ops.importing.countries import country_of
from ops.importing.fields import UnfitError, email_address, name_of_parts, name_of_text, phone_number
from ops.importing.phone_text import phone_fields
from ops.importing.plan import ImportSourceError, PlannedCommand, PlannedPerson, Rejected
from ops.importing.preferences import language_preferences
from ops.importing.vcard_text import Card, Property, read_cards

_UID: Final = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_DAY: Final = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T.*)?")
_EMAIL_TYPES: Final = {"home": "Personal", "work": "Work"}
_ADDRESS_TYPES: Final = {"home": "Residential", "work": "Business"}
_PHONE_TYPES: Final = {"cell": "Mobile", "home": "Home", "work": "Work"}
_NO_VOICE: Final = frozenset({"fax", "pager", "textphone", "modem"})
_LEVELS: Final = {"beginner": "Beginner", "average": "Intermediate", "expert": "Expert"}


def plan_vcards(path: Path, employed_since: date | None = None) -> Iterator[PlannedPerson | Rejected]:
    """Plan the cards of a file, or of the *.vcf files of a folder; an unreadable source is told at once.

    A card says where somebody works but not since when: `employed_since` does.
    """
    if not path.exists():
        raise ImportSourceError(f"{path}: no such file or folder")
    if not path.is_dir():
        cards = list(read_cards(path))
        return _plan(iter(cards), employed_since)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".vcf" and file.is_file())
    if not files:
        raise ImportSourceError(f"{path}: the folder holds no *.vcf file")
    return _plan(_cards_of(files), employed_since)


def _cards_of(files: list[Path]) -> Iterator[Card | Rejected]:
    for file in files:
        try:
            yield from read_cards(file)
        except ImportSourceError:
            yield Rejected(file.name, "file: not a vCard file")


def _plan(cards: Iterator[Card | Rejected], employed_since: date | None) -> Iterator[PlannedPerson | Rejected]:
    seen: set[str] = set()
    for card in cards:
        if isinstance(card, Rejected):
            yield card
        elif reason := _unusable(card):
            yield Rejected(card.source_ref, reason)
        elif (base := _base(card)) in seen:
            # The same ids with other content would be a contradiction, so the first card stands.
            yield Rejected(card.source_ref, "UID: repeats an earlier card")
        else:
            seen.add(base)
            yield from _plan_card(card, base, employed_since)


def _unusable(card: Card) -> str | None:
    if not card.closed:
        return "card: END:VCARD is missing"
    if card.value("VERSION") not in ("3.0", "4.0"):
        return "VERSION: not 3.0 or 4.0"
    kind = card.value("KIND") or card.value("X-ADDRESSBOOKSERVER-KIND") or "individual"
    if kind.lower() != "individual" or card.value("X-ABSHOWAS").upper() == "COMPANY":
        return "KIND: kind is not individual"
    return None


def _base(card: Card) -> str:
    found = _UID.fullmatch(card.value("UID"))
    if found and uuid.UUID(found[1]).int not in (0, (1 << 128) - 1):
        return f"import:vcard:{found[1].lower()}"
    return f"import:vcard:{_digest(card)}"


def _digest(card: Card) -> str:
    return hashlib.sha256(card.text.encode()).hexdigest()


def _plan_card(card: Card, base: str, employed_since: date | None) -> Iterator[PlannedPerson | Rejected]:
    # An edited card is another edition of the same person: it adds what is new, and what is held already is
    # refused by the domain as existing.
    edition = f"{base}:{_digest(card)}"
    try:
        data: dict[str, Any] = {"name": _name(card), "source": "import"}
        if born := _birth_date(card):
            data["birth_date"] = born
        create = create_person(base, edition, data)
    except UnfitError as unfit:
        yield Rejected(card.source_ref, str(unfit))
        return
    components = _Components(card, edition, create.person_id)
    components.read("EMAIL", "EmailAddress", _email)
    components.read("TEL", "PhoneNumber", _phone)
    components.read("EXPERTISE", "Skill", _skill)
    components.read("ADR", "Address", _address)
    components.read("URL", "Website", _website)
    components.read_once("ORG", "Employment", lambda: _employment(card, employed_since))
    components.read_once("LANG", "CommunicationPreferences", lambda: _languages(card))
    yield PlannedPerson(card.source_ref, (create, *components.planned))
    for reason in (*card.problems, *components.refused):
        yield Rejected(card.source_ref, reason)


class _Components:
    """Collects the components of one card."""

    def __init__(self, card: Card, edition: str, person_id: str) -> None:
        self._card = card
        self._edition = edition
        self._person_id = person_id
        self.planned: list[PlannedCommand] = []
        self.refused: list[str] = []

    def read(self, name: str, component_type: str, parse: Callable[[Property], dict[str, Any]]) -> None:
        """Plan a component for each property of a name; the first with PREF=1 is the primary one."""
        keys: set[tuple[str, ...]] = set()
        has_primary = False
        for found in self._card.properties.get(name, ()):
            is_primary = found.preference == 1 and not has_primary
            try:
                data = parse(found)
                added = self._added(component_type, data, is_primary)
            except UnfitError as unfit:
                self.refused.append(str(unfit))
                continue
            key = COMPONENT_TYPES[component_type].admit(added.data["data"]).natural_key()
            if key not in keys:  # people list an address once per use
                keys.add(key)
                self.planned.append(added)
                has_primary = has_primary or is_primary

    def read_once(self, name: str, component_type: str, parse: Callable[[], dict[str, Any] | None]) -> None:
        """Plan the one component that several properties make together."""
        try:
            data = parse()
            if data is not None:
                self.planned.append(self._added(component_type, data, is_primary=False))
        except UnfitError as unfit:
            self.refused.append(f"{name}.{str(unfit).removeprefix('data.')}")

    def _added(self, component_type: str, data: dict[str, Any], is_primary: bool) -> PlannedCommand:
        index = len(self.planned)
        return add_component(self._edition, index, self._person_id, component_type, data, is_primary=is_primary)


def _name(card: Card) -> dict[str, Any]:
    structured, formatted = card.first("N"), card.value("FN")
    if structured is not None:
        family, given, middle, honorific, suffixes = (structured.fields + [[]] * 5)[:5]
        if family or given:
            parts = {
                "family_names": family, "given_names": given, "middle_names": middle, "suffixes": suffixes,
            }  # fmt: skip
            try:
                return name_of_parts(parts, " ".join(honorific))
            except UnfitError:
                if not formatted:
                    raise
    if not formatted:
        raise UnfitError("FN: missing")
    return name_of_text(formatted)


def _birth_date(card: Card) -> str | None:
    found = card.first("BDAY")
    # Text, and days without a year (which Apple writes with an invented one), are no birth date.
    if found is None or "text" in found.parameters.get("value", ()) or "x-apple-omit-year" in found.parameters:
        return None
    match = _DAY.fullmatch(found.text)
    try:
        return date(*map(int, match.groups())).isoformat() if match else None
    except ValueError:
        return None


def _email(found: Property) -> dict[str, Any]:
    address = re.sub(r"(?i)^mailto:", "", found.text)
    return {"email": email_address(address), "email_type": _first_of(_EMAIL_TYPES, found)}


def _phone(found: Property) -> dict[str, Any]:
    data = {"phone": phone_number(phone_fields(found.text))}
    if not _NO_VOICE.isdisjoint(found.types):
        return data | {"phone_type": "Other", "can_receive_calls": False}
    return data | {"phone_type": _first_of(_PHONE_TYPES, found)}


def _skill(found: Property) -> dict[str, Any]:
    level = _LEVELS.get("".join(found.parameters.get("level", ())))
    if level is None:
        raise UnfitError("EXPERTISE: LEVEL is not beginner, average or expert")
    if not found.text:
        raise UnfitError("EXPERTISE: blank")
    return {"name": found.text, "category": "Other", "proficiency": level}


def _address(found: Property) -> dict[str, Any]:
    box, extended, street, city, region, code, country = ([", ".join(part) for part in found.fields] + [""] * 7)[:7]
    known = country_of(country)
    if known is None:
        raise UnfitError("ADR.country: unknown")
    first, *more = [part for part in (street, f"PO Box {box}" if box else "", extended) if part] or [""]
    address = {
        "street1": first,
        "street2": ", ".join(more) or None,
        "city": city,
        "state_province": region or None,
        "postal_code": code or None,
        "country": known[1],
        "country_code": known[0],
    }
    return {"address_type": _first_of(_ADDRESS_TYPES, found), "address": address}


def _website(found: Property) -> dict[str, Any]:
    host = urlsplit(found.text).hostname if "://" in found.text else None
    return {"url": found.text, "title": host or "", "website_type": "Other"}


def _employment(card: Card, employed_since: date | None) -> dict[str, Any] | None:
    organization = card.first("ORG")
    company, *units = [", ".join(part) for part in organization.fields] if organization else [""]
    position = card.value("TITLE") or card.value("ROLE")
    if not company and not position:
        return None
    if employed_since is None:
        raise UnfitError("start_date: unknown; --employed-since names one")
    return {
        "company": company,
        "position": position,
        "employment_type": "Other",
        "start_date": employed_since.isoformat(),
        "is_current": True,
        "department": ", ".join(unit for unit in units if unit) or None,
    }


def _languages(card: Card) -> dict[str, Any] | None:
    found = sorted(card.properties.get("LANG", ()), key=lambda one: one.preference)
    return language_preferences([one.text for one in found]) if found else None


def _first_of(types: dict[str, str], found: Property) -> str:
    return next((name for key, name in types.items() if key in found.types), "Other")
