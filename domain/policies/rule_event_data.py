"""Payloads of the events of rules."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from domain.envelope import Ordinal
from domain.ids import Uuid
from domain.model import Frozen
from domain.policies.document import PolicyDocument

RuleEventName = Literal["registered", "shadowed", "activated", "suspended", "retired", "decided"]
RecordedVerdict = Literal["fired", "would_fire", "indeterminate", "blocked_depth", "refused", "denied", "would_deny"]


class RuleEventData(Frozen):
    """What an event of a rule says beyond its envelope."""


class RuleRegistered(RuleEventData):
    """A version was registered, as a draft. It never changes again."""

    document: PolicyDocument


class _Moved(RuleEventData):
    version: Ordinal
    by: str


class RuleShadowed(_Moved):
    """A version is asked from now on, and sends nothing."""


class RuleActivated(_Moved):
    """A version is in force from now on. The version that was, if there was one, is retired by this."""

    supersedes: Ordinal | None = None


class RuleSuspended(_Moved):
    """A version is not asked any more, until it is activated again."""


class RuleRetired(_Moved):
    """A version is not asked any more, for good."""


class RuleDecided(RuleEventData):
    """What a policy did about one event, or a deny rule about one command. Silence is counted, not recorded.

    `event_id` and `sequence` name the event of the person, `command_id` the command that was sent or denied. `fault` says why nothing
    could be decided, `code` why the command was refused. `inputs` is a digest of what the condition read.
    """

    version: Ordinal
    verdict: RecordedVerdict
    event_id: Uuid | None = None
    command_id: Uuid | None = None
    person_id: Uuid | None = None
    sequence: Ordinal | None = None
    fault: str | None = None
    code: str | None = None
    inputs: str | None = None


RULE_EVENTS: Final[Mapping[RuleEventName, type[RuleEventData]]] = MappingProxyType(
    {
        "registered": RuleRegistered,
        "shadowed": RuleShadowed,
        "activated": RuleActivated,
        "suspended": RuleSuspended,
        "retired": RuleRetired,
        "decided": RuleDecided,
    }
)
"""Events of rules by name; the type is ``person.rule.<name>``, version 1."""
