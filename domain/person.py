"""The state of one person: a fold over its events, and the compact form in which it is kept.

A state is never validated: it was built from events, and reading it back only restores its shape.
"""

from typing import Literal

import orjson
from pydantic import Field

from domain.components.instance import Component
from domain.model import Frozen
from domain.onboarding import Onboarding
from domain.personal import OfIdentity
from domain.recent_commands import RecentCommands
from domain.relations import AssignedAgent, AssignedLocation, HeldEmployment, LinkedIdentity
from domain.standing import Consent, ConsentType, ErasurePending, ExportState, LegalHold, QualityFlag
from domain.state_json import dump
from domain.status import Column, Status
from domain.times import Day, Instant
from domain.values.attribute import Attribute
from domain.values.person_name import PersonName
from domain.values.person_title import PersonTitle


class Person(Frozen):
    """One person. Maps are replaced, never changed in place.

    Keys of `identities`, `employments`, `agents`, `titles`, `attributes`, `quality`, `exports` and `holds` are their ids, those of
    `locations` come from `relations.location_key`; `notifications` holds ``<template>/<key>``.
    """

    person_id: str
    version: int = 0
    status: Status = Status.DRAFT
    created_at: Instant | None = None
    updated_at: Instant | None = None
    name: OfIdentity[PersonName] | None = None
    source: str | None = None
    source_system: str | None = None
    import_id: str | None = None
    birth_date: OfIdentity[Day] | None = None
    date_of_death: OfIdentity[Day] | None = None
    merged_into: str | None = None
    absorbed: frozenset[str] = frozenset()
    components: dict[str, Component] = Field(default_factory=dict)
    retired_components: frozenset[str] = frozenset()
    identities: dict[str, LinkedIdentity] = Field(default_factory=dict)
    locations: dict[str, AssignedLocation] = Field(default_factory=dict)
    employments: dict[str, HeldEmployment] = Field(default_factory=dict)
    agents: dict[str, AssignedAgent] = Field(default_factory=dict)
    titles: dict[str, PersonTitle] = Field(default_factory=dict)
    attributes: dict[str, Attribute] = Field(default_factory=dict)
    consents: dict[ConsentType, Consent] = Field(default_factory=dict)
    onboarding: Onboarding | None = None
    notifications: frozenset[str] = frozenset()
    quality: dict[str, QualityFlag] = Field(default_factory=dict)
    exports: dict[str, ExportState] = Field(default_factory=dict)
    holds: dict[str, LegalHold] = Field(default_factory=dict)
    erasure: ErasurePending | Literal["Erased"] | None = None
    last_activity_at: Instant | None = None
    inactivity_reported: int = 0
    recent: RecentCommands = RecentCommands()

    @classmethod
    def new(cls, person_id: str) -> "Person":
        """The state before the first event."""
        return cls.model_construct(person_id=person_id)

    @property
    def exists(self) -> bool:
        """Whether the person was created."""
        return self.created_at is not None

    @property
    def is_erased(self) -> bool:
        """Whether the personal data is gone."""
        return self.erasure == "Erased"

    @property
    def column(self) -> Column:
        """Column of the status matrix."""
        return self.status.value if self.exists else "New"

    def components_of(self, component_type: str) -> list[Component]:
        """Instances of a type, the oldest first."""
        return sorted(
            (held for held in self.components.values() if held.component_type == component_type),
            key=lambda held: held.age,
        )

    def primary_of(self, component_type: str) -> Component | None:
        """The primary instance of a type."""
        return next((held for held in self.components_of(component_type) if held.is_primary), None)


def notification_key(template: str, key: str) -> str:
    """How `notifications` names a notification: a template is a slug, so the first slash ends it."""
    return f"{template}/{key}"


def dump_state(person: Person) -> bytes:
    """Compact JSON of a state. What is empty, zero or absent is what a new person has, and is left out."""
    return dump({name: member for name, member in person.__dict__.items() if member})


def load_state(raw: bytes) -> Person:
    """Inverse of `dump_state`."""
    return Person.restore(orjson.loads(raw))
