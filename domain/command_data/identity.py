"""Commands on titles and attributes."""

from typing import Final

from pydantic import field_validator

from domain.canonical import encode
from domain.command_data.base import CommandData, CommandSpec
from domain.components.instance import MAX_DATA_BYTES
from domain.ids import Uuid
from domain.model import Frozen
from domain.times import Day
from domain.values.attribute import AttributeProvenance, AttributeType
from domain.values.attribute_value import AttributeValue
from domain.values.person_title import TitleType
from domain.values.rules import Label, Reason, UsableId, broken


class AwardTitle(CommandData):
    """Give the person a title."""

    title_id: UsableId | None = None
    title: Label
    title_type: TitleType
    awarded_date: Day | None = None
    expiry_date: Day | None = None
    issuing_authority: Label | None = None


class RevokeTitle(CommandData):
    """Take a title back from a day on."""

    title_id: Uuid
    revoked_date: Day
    revocation_reason: Reason | None = None


class ObservedAttribute(Frozen):
    """A fact about the person, as it is sent."""

    attribute_id: UsableId | None = None
    attribute_type: AttributeType
    name: Label
    value: AttributeValue
    valid_from: Day | None = None
    valid_until: Day | None = None
    provenance: AttributeProvenance

    @field_validator("value", mode="after")
    @classmethod
    def _small(cls, value: AttributeValue) -> AttributeValue:
        if len(encode(value)) > MAX_DATA_BYTES:
            raise broken("data_size")
        return value


class RecordAttribute(CommandData):
    """Record a fact about the person. The one that it replaces is no longer valid when this one begins."""

    attribute: ObservedAttribute
    replaces: Uuid | None = None


class InvalidateAttribute(CommandData):
    """Say until when a recorded fact was valid."""

    attribute_id: Uuid
    valid_until: Day
    reason: Reason | None = None


COMMANDS: Final = (
    CommandSpec("identity.award_title", AwardTitle),
    CommandSpec("identity.revoke_title", RevokeTitle),
    CommandSpec("identity.record_attribute", RecordAttribute),
    CommandSpec("identity.invalidate_attribute", InvalidateAttribute),
)
