"""Decides on titles and attributes."""

from collections.abc import Mapping
from typing import Final

from domain.command_data.base import CommandData
from domain.command_data.identity import AwardTitle, InvalidateAttribute, RecordAttribute, RevokeTitle
from domain.commands import Command
from domain.decisions.base import Decision, Payloads, require_order
from domain.event_data.identity import AttributeInvalidated, AttributeRecorded, TitleAwarded, TitleRevoked
from domain.ids import derive
from domain.person import Person
from domain.refusals import Refused


def award_title(command: Command, data: AwardTitle, person: Person) -> Payloads:
    """A title that the person does not have yet."""
    require_order(data.awarded_date, data.expiry_date, "expiry_date", "not_before_awarded_date")
    awarded = TitleAwarded(**{**dict(data), "title_id": data.title_id or derive(command.id, "title")})
    same = (awarded.title, awarded.title_type, awarded.awarded_date)
    held = (
        (title.title, title.title_type, title.awarded_date)
        for title in person.titles.values()
        if title.revoked_date is None
    )
    if awarded.title_id in person.titles or same in held:
        raise Refused("no_change")
    return (awarded,)


def revoke_title(_: Command, data: RevokeTitle, person: Person) -> Payloads:
    """Revoked, or revoked on another day than was said before."""
    held = person.titles.get(data.title_id)
    if held is None:
        raise Refused("title_not_found", title_id=data.title_id)
    if held.revoked_date == data.revoked_date:
        raise Refused("no_change")
    return (TitleRevoked(**dict(data)),)


def record_attribute(command: Command, data: RecordAttribute, person: Person) -> Payloads:
    """A new attribute. An id is used once: an attribute is never overwritten."""
    observed = data.attribute
    replaced = None if data.replaces is None else person.attributes.get(data.replaces)
    if data.replaces is not None and replaced is None:
        raise Refused("attribute_not_found", attribute_id=data.replaces)
    require_order(observed.valid_from, observed.valid_until, "attribute.valid_until", "not_before_valid_from")
    if replaced is not None:
        until = observed.valid_from or command.now.date()
        require_order(replaced.valid_from, until, "attribute.valid_from", "not_before_replaced")
    attribute_id = observed.attribute_id or derive(command.id, "attribute")
    if attribute_id in person.attributes:
        raise Refused("no_change")
    fields = {**dict(observed), "attribute_id": attribute_id, "replaces": data.replaces}
    return (AttributeRecorded(**fields),)


def invalidate_attribute(_: Command, data: InvalidateAttribute, person: Person) -> Payloads:
    """Another last day of validity."""
    held = person.attributes.get(data.attribute_id)
    if held is None:
        raise Refused("attribute_not_found", attribute_id=data.attribute_id)
    if held.valid_until == data.valid_until:
        raise Refused("no_change")
    require_order(held.valid_from, data.valid_until, "valid_until", "not_before_valid_from")
    return (AttributeInvalidated(**dict(data)),)


DECISIONS: Final[Mapping[type[CommandData], Decision]] = {
    AwardTitle: award_title,
    RevokeTitle: revoke_title,
    RecordAttribute: record_attribute,
    InvalidateAttribute: invalidate_attribute,
}
