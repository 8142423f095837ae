"""What the identity domain says: identities that are linked, verified, revoked, merged."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AliasChoices, Field

from domain.foreign import ForeignEvent, ForeignSlug, OfPerson, word_of
from domain.links import Link
from domain.relations import ForeignId, VerificationLevel
from domain.translate.rule import NOT_IN_ONBOARDING, InboundSpec, KnownPerson, Wish, when

Level = Annotated[VerificationLevel, word_of(VerificationLevel)]
UNVERIFIED: Final = "Unverified"


class OfIdentity(OfPerson):
    """About one identity."""

    identity_id: ForeignId


class IdentityLinked(OfIdentity):
    """An identity of a person."""

    identity_type: ForeignSlug = "other"
    level: Level = Field(UNVERIFIED, validation_alias=AliasChoices("level", "verification_level"))


class IdentityVerified(OfIdentity):
    """How well an identity is verified now."""

    identity_type: ForeignSlug = "other"
    level: Level = Field(validation_alias=AliasChoices("level", "verification_level"))


class IdentityMerged(OfPerson):
    """One identity has taken the place of another."""

    from_id: ForeignId = Field(validation_alias="from")
    to_id: ForeignId = Field(validation_alias="to")
    identity_type: ForeignSlug | None = None
    level: Level | None = Field(None, validation_alias=AliasChoices("level", "verification_level"))


def _linked(_: ForeignEvent, data: IdentityLinked, __: KnownPerson) -> Sequence[Wish]:
    return (_link(data.identity_id, data.identity_type, data.level),)


def _verified(_: ForeignEvent, data: IdentityVerified, __: KnownPerson) -> Sequence[Wish]:
    link = _link(data.identity_id, data.identity_type, data.level)
    record = _record(data.identity_id, data.level)._replace(otherwise=when(["relation_not_found"], link))
    if data.level == UNVERIFIED:
        return (record,)
    verify = Wish(
        "verify_identity",
        "onboarding.verify_identity",
        {
            "identity_id": data.identity_id,
            "identity_type": data.identity_type,
            "verification_level": data.level,
        },
        when(NOT_IN_ONBOARDING, record),
    )
    return (verify,)


def _unlinked(_: ForeignEvent, data: OfIdentity, __: KnownPerson) -> Sequence[Wish]:
    return (_unlink(data.identity_id),)


def _revoked(_: ForeignEvent, data: OfIdentity, __: KnownPerson) -> Sequence[Wish]:
    return (
        _record(data.identity_id, UNVERIFIED),
        Wish("suspend", "lifecycle.suspend", {"reason": "identity revoked"}),
    )


def _merged(_: ForeignEvent, data: IdentityMerged, known: KnownPerson) -> Sequence[Wish]:
    held_type, held_level = known.identities.get(data.from_id, ("other", UNVERIFIED))
    return (
        _link(data.to_id, data.identity_type or held_type, data.level or held_level),
        _unlink(data.from_id),
    )


def _link(identity_id: str, identity_type: str, level: str) -> Wish:
    return Wish(
        "link_identity",
        "relationship.link_identity",
        {"identity_id": identity_id, "identity_type": identity_type, "verification_level": level},
    )


def _unlink(identity_id: str) -> Wish:
    return Wish("unlink_identity", "relationship.unlink_identity", {"identity_id": identity_id})


def _record(identity_id: str, level: str) -> Wish:
    return Wish(
        "record_identity_verification",
        "relationship.record_identity_verification",
        {"identity_id": identity_id, "verification_level": level},
    )


def _identity(data: Any) -> Link:
    return Link("identity", data.identity_id)


def _replaced(data: Any) -> Link:
    return Link("identity", data.from_id)


INBOUND: Final = (
    InboundSpec("identity.created", IdentityLinked, "named_or_nobody", _linked, _identity),
    InboundSpec("identity.linked", IdentityLinked, "named_or_nobody", _linked, _identity),
    InboundSpec("identity.verified", IdentityVerified, "linked", _verified, _identity),
    InboundSpec("identity.unlinked", OfIdentity, "linked", _unlinked, _identity),
    InboundSpec("identity.revoked", OfIdentity, "linked", _revoked, _identity),
    InboundSpec("identity.merged", IdentityMerged, "everybody", _merged, _replaced, needs_person=True),
)
IGNORED: Final[frozenset[str]] = frozenset()
