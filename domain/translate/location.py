"""What the location domain says: places that persons have, leave or move between, and addresses that were looked at."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AliasChoices, Field

from domain.foreign import ForeignDay, ForeignEvent, ForeignUuid, OfPerson, word_of
from domain.links import Link
from domain.relations import ForeignId, LocationType
from domain.translate.rule import NOT_IN_ONBOARDING, InboundSpec, KnownPerson, Wish, when
from domain.values.rules import Flag

Usage = Annotated[LocationType, word_of(LocationType, "Other", Residential="Residence", Business="Work")]
_USAGE: Final = AliasChoices("usage", "location_type")
AddressStatus = Literal["Valid", "InvalidFormat", "NotFound", "Ambiguous", "Undeliverable"]
METHOD: Final = "address_validation"


class OfLocation(OfPerson):
    """About one place."""

    location_id: ForeignId


class PersonAssociated(OfLocation):
    """A person has a place."""

    usage: Usage = Field("Other", validation_alias=_USAGE)
    is_primary: Flag = False


class PersonDisassociated(OfLocation):
    """A person no longer has a place, in one use or in all."""

    usage: Usage | None = Field(None, validation_alias=_USAGE)
    end_date: ForeignDay | None = None


class PersonMoved(OfPerson):
    """A person has one place instead of another."""

    from_id: ForeignId = Field(validation_alias="from")
    to_id: ForeignId = Field(validation_alias="to")
    usage: Usage | None = Field(None, validation_alias=_USAGE)
    is_primary: Flag = False


class LocationDeactivated(OfLocation):
    """A place is no more."""

    end_date: ForeignDay | None = Field(
        None, validation_alias=AliasChoices("end_date", "deactivated_on", "effective_date")
    )


class AddressValidated(OfPerson):
    """What came of looking at an address."""

    component_id: ForeignUuid
    status: Annotated[AddressStatus, word_of(AddressStatus)]


def _associated(_: ForeignEvent, data: PersonAssociated, __: KnownPerson) -> Sequence[Wish]:
    assign = _assign(data.location_id, data.usage, data.is_primary)
    place = {"location_id": data.location_id, "location_type": data.usage}
    return (Wish("assign_onboarding_location", "onboarding.assign_location", place, when(NOT_IN_ONBOARDING, assign)),)


def _disassociated(_: ForeignEvent, data: PersonDisassociated, __: KnownPerson) -> Sequence[Wish]:
    return (_remove(data.location_id, data.usage, data.end_date),)


def _moved(event: ForeignEvent, data: PersonMoved, known: KnownPerson) -> Sequence[Wish]:
    remove = _remove(data.from_id, data.usage, event.day)
    if data.usage is not None:
        return (_assign(data.to_id, data.usage, data.is_primary), remove)
    uses = sorted(kind for location_id, kind in known.locations if location_id == data.from_id)
    if not uses and all(location_id != data.to_id for location_id, _ in known.locations):
        uses = ["Other"]
    return (*(_assign(data.to_id, kind, data.is_primary) for kind in uses), remove)


def _deactivated(event: ForeignEvent, data: LocationDeactivated, _: KnownPerson) -> Sequence[Wish]:
    return (_remove(data.location_id, None, data.end_date or event.day),)


def _validated(_: ForeignEvent, data: AddressValidated, __: KnownPerson) -> Sequence[Wish]:
    component = {"component_id": data.component_id}
    if data.status == "Valid":
        return (Wish("verify_component", "component.verify", {**component, "method": METHOD}),)
    flag = "address" + re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", data.status)
    return (Wish("flag_quality", "policy.flag_quality", {**component, "flag": flag}),)


def _assign(location_id: str, location_type: str, is_primary: bool) -> Wish:
    return Wish(
        f"assign_location:{location_type}",
        "relationship.assign_location",
        {"location_id": location_id, "location_type": location_type, "is_primary": is_primary},
    )


def _remove(location_id: str, location_type: str | None, end_date: object) -> Wish:
    return Wish(
        "remove_location",
        "relationship.remove_location",
        {"location_id": location_id, "location_type": location_type, "end_date": end_date},
    )


def _location(data: Any) -> Link:
    return Link("location", data.location_id)


def _left(data: Any) -> Link:
    return Link("location", data.from_id)


INBOUND: Final = (
    # Several persons have the same place, so it tells nobody apart.
    InboundSpec("location.person_associated", PersonAssociated, "named", _associated, _location),
    InboundSpec("location.person_disassociated", PersonDisassociated, "named", _disassociated, _location),
    InboundSpec("location.person_moved", PersonMoved, "named", _moved, _left, needs_person=True),
    InboundSpec("location.deactivated", LocationDeactivated, "everybody", _deactivated, _location),
    InboundSpec("location.address_validated", AddressValidated, "named", _validated),
)
IGNORED: Final[frozenset[str]] = frozenset()
