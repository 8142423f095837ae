"""Plans one person per user of SCIM 2.0: name, addresses of all kinds, employment, language, and whether it is active.

A person's ids rest on externalId, else id, else userName, within the named system; a component's on its kind and place.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

from ops.importing.commands import create_keyed_person, place_component
from ops.importing.countries import country_of
from ops.importing.fields import UnfitError, email_address, name_of_fields, name_of_login, name_of_text, phone_number
from ops.importing.phone_text import phone_fields
from ops.importing.plan import PlannedCommand, PlannedPerson, Rejected
from ops.importing.preferences import language_preferences
from ops.importing.scim_text import Attributes, read_users

_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user"
_EMAIL_TYPES: Final = {"work": "Work", "home": "Personal"}
_PHONE_TYPES: Final = {"work": "Work", "home": "Home", "mobile": "Mobile"}
_NO_VOICE: Final = frozenset({"fax", "pager"})
_ADDRESS_TYPES: Final = {"work": "Business", "home": "Residential"}
_EMPLOYMENT_TYPES: Final = {
    "contractor": "Contract",
    "intern": "Internship",
    "temp": "Temporary",
    "volunteer": "Volunteer",
    "freelance": "Freelance",
}
_NAME_PARTS: Final = {
    "givenname": "given_names",
    "middlename": "middle_names",
    "familyname": "family_names",
    "honorificsuffix": "suffixes",
}
_QUALITY: Final = re.compile(r"\s*;.*")

Parse = Callable[[Attributes], dict[str, Any]]


def plan_scim(path: Path, system: str, employed_since: date | None) -> Iterator[PlannedPerson | Rejected]:
    """Plan the users of a file; a file that cannot be read is told at once."""
    return _plan(path, system, employed_since, read_users(path))


def _plan(
    path: Path, system: str, employed_since: date | None, users: Iterator[tuple[int, Attributes] | Rejected]
) -> Iterator[PlannedPerson | Rejected]:
    seen: set[str] = set()
    for found in users:
        if isinstance(found, Rejected):
            yield found
            continue
        number, user = found
        source_ref = f"{path.name}:{number}"
        key = next((user[name] for name in ("externalid", "id", "username") if isinstance(user.get(name), str)), None)
        if key is None:
            yield Rejected(source_ref, "externalId: missing, and neither id nor userName is there", number)
            continue
        base = f"import:scim:{system}:{hashlib.sha256(key.encode()).hexdigest()}"
        if base in seen:
            yield Rejected(source_ref, "externalId: repeats an earlier user", number)
            continue
        seen.add(base)
        yield from _User(source_ref, number, base, system, employed_since, user).plan()


class _User:
    """One user on its way to a plan."""

    def __init__(
        self, source_ref: str, number: int, base: str, system: str, employed_since: date | None, user: Attributes
    ) -> None:
        self._source_ref = source_ref
        self._number = number
        self._base = base
        self._system = system
        self._employed_since = employed_since
        self._user = user
        self._planned: list[PlannedCommand] = []
        self._rejected: list[Rejected] = []

    def plan(self) -> Iterator[PlannedPerson | Rejected]:
        try:
            data = {"name": _name(self._user), "source": "import", "source_system": self._system}
            create = create_keyed_person(self._base, data)
            active = _active(self._user)
        except UnfitError as unfit:
            yield self._reject(str(unfit))
            return
        person_id = create.person_id
        self._each("emails", "EmailAddress", person_id, _email)
        self._each("phonenumbers", "PhoneNumber", person_id, _phone)
        self._each("addresses", "Address", person_id, _address)
        self._one("employment", "Employment", person_id, lambda: _employment(self._user, self._employed_since))
        self._one("profileUrl", "Website", person_id, lambda: _website(self._user))
        self._one("preferredLanguage", "CommunicationPreferences", person_id, lambda: _languages(self._user))
        yield PlannedPerson(
            self._source_ref, (create, *self._planned), line=self._number, active=active, is_authority=True
        )
        yield from self._rejected

    def _each(self, name: str, component_type: str, person_id: str, parse: Parse) -> None:
        values = self._user.get(name, [])
        places: Counter[str] = Counter()
        has_primary = False
        for value in values if isinstance(values, list) else [values]:
            attributes = value if isinstance(value, dict) else {"value": value}
            kind = str(attributes.get("type", "")).lower()
            slot = f"{kind}:{places[kind]}"
            places[kind] += 1
            is_primary = attributes.get("primary") is True and not has_primary
            has_primary = has_primary or is_primary
            self._add(name, component_type, slot, person_id, partial(parse, attributes), is_primary)

    def _one(self, name: str, component_type: str, person_id: str, parse: Callable[[], dict[str, Any] | None]) -> None:
        self._add(name, component_type, "only", person_id, parse, is_primary=False)

    def _add(
        self,
        name: str,
        component_type: str,
        slot: str,
        person_id: str,
        parse: Callable[[], dict[str, Any] | None],
        is_primary: bool,
    ) -> None:
        try:
            data = parse()
            if data is not None:
                self._planned.append(
                    place_component(self._base, slot, person_id, component_type, data, is_primary=is_primary)
                )
        except UnfitError as unfit:
            self._rejected.append(self._reject(f"{name}.{str(unfit).removeprefix('data.')}"))

    def _reject(self, reason: str) -> Rejected:
        return Rejected(self._source_ref, reason, self._number)


def _name(user: Attributes) -> dict[str, Any]:
    name = user.get("name", {})
    if not isinstance(name, dict):
        raise UnfitError("name: object")
    fields: dict[str, Any] = {field: [name[part]] for part, field in _NAME_PARTS.items() if part in name}
    if "given_names" in fields or "family_names" in fields:
        if "honorificprefix" in name:
            fields["honorific"] = name["honorificprefix"]
        if "nickname" in user:
            fields["preferred_form"] = user["nickname"]
        return name_of_fields(fields)
    written = name.get("formatted") or user.get("displayname")
    if isinstance(written, str):
        return name_of_text(written)
    login = user.get("username")
    if not isinstance(login, str) or "@" in login:
        raise UnfitError("name: missing")
    return name_of_login(login)


def _active(user: Attributes) -> bool | None:
    active = user.get("active")
    if isinstance(active, str) and active.lower() in ("true", "false"):  # as some directories write it
        return active.lower() == "true"
    if active is not None and not isinstance(active, bool):
        raise UnfitError("active: bool_type")
    return active


def _email(value: Attributes) -> dict[str, Any]:
    return {"email": email_address(_text(value, "value")), "email_type": _kind(_EMAIL_TYPES, value)}


def _phone(value: Attributes) -> dict[str, Any]:
    data: dict[str, Any] = {
        "phone": phone_number(phone_fields(_text(value, "value"))),
        "phone_type": _kind(_PHONE_TYPES, value),
    }
    if str(value.get("type", "")).lower() in _NO_VOICE:
        data["can_receive_calls"] = False
    return data


def _address(value: Attributes) -> dict[str, Any]:
    country = country_of(_text(value, "country"))
    if country is None:
        raise UnfitError("country: unknown")
    street, *more = [line.strip() for line in _text(value, "streetaddress").splitlines() if line.strip()] or [""]
    address = {
        "street1": street,
        "street2": ", ".join(more) or None,
        "city": value.get("locality", ""),
        "state_province": value.get("region"),
        "postal_code": value.get("postalcode"),
        "country": country[1],
        "country_code": country[0],
    }
    return {"address_type": _kind(_ADDRESS_TYPES, value), "address": address}


def _employment(user: Attributes, employed_since: date | None) -> dict[str, Any] | None:
    enterprise = user.get(_ENTERPRISE, {})
    if not isinstance(enterprise, dict):
        raise UnfitError("enterprise: object")
    said = {"company": enterprise.get("organization"), "position": user.get("title")}
    if not any(said.values()):
        return None
    start = _first_day(user) or employed_since
    if start is None:
        raise UnfitError("start_date: unknown; --employed-since names one")
    return {
        **said,
        "employment_type": _EMPLOYMENT_TYPES.get(str(user.get("usertype", "")).lower(), "Other"),
        "start_date": start.isoformat(),
        "is_current": _active(user) is not False,
        "department": enterprise.get("department"),
    }


def _first_day(user: Attributes) -> date | None:
    # The day on which the directory created the user is the nearest that SCIM has to a first day at work.
    meta = user.get("meta", {})
    created = meta.get("created") if isinstance(meta, dict) else None
    try:
        return date.fromisoformat(created[:10]) if isinstance(created, str) else None
    except ValueError:
        return None


def _website(user: Attributes) -> dict[str, Any] | None:
    url = user.get("profileurl")
    return None if url is None else {"url": url, "title": "Profile", "website_type": "Other"}


def _languages(user: Attributes) -> dict[str, Any] | None:
    preferred = user.get("preferredlanguage")
    if preferred is None:
        return None
    # Written as in the header Accept-Language, the most wanted first.
    return language_preferences([_QUALITY.sub("", tag).strip() for tag in _text(user, "preferredlanguage").split(",")])


def _text(value: Attributes, name: str) -> str:
    text = value.get(name, "")
    if not isinstance(text, str):
        raise UnfitError(f"{name}: string_type")
    return text


def _kind(types: dict[str, str], value: Attributes) -> str:
    return types.get(str(value.get("type", "")).lower(), "Other")
