"""The document of a policy: what people write, and what a registered rule event holds for ever."""

from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from domain.envelope import Ordinal
from domain.ids import PolicyId
from domain.model import Frozen
from domain.values.rules import Flag, Label, broken, on_entry

MAX_EXAMPLES: Final = 50

Effect = Literal["send", "deny"]
Status = Literal["draft", "shadow", "active", "suspended", "retired"]


class CommandTemplate(Frozen):
    """The command of a policy. A text of `data` that starts with ``=`` is an expression, everything else is literal."""

    type: str
    subject: str = "event.subject"
    expectedversion: str | None = None
    data: dict[str, JsonValue] = Field(default_factory=dict)


class PolicyExample(Frozen):
    """An occasion, and what the policy has to say about it.

    A policy that sends has an `event`, and may have the members of the `command` that it sends then. A deny rule has the `command`
    that it is asked about.
    """

    event: dict[str, JsonValue] | None = None
    command: dict[str, JsonValue] | None = None
    summary: dict[str, JsonValue] = Field(default_factory=dict)
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    expect: Literal["fires", "silent"]


def _few(examples: tuple[PolicyExample, ...]) -> tuple[PolicyExample, ...]:
    if len(examples) > MAX_EXAMPLES:
        raise broken("example_count")
    return examples


class PolicyDocument(Frozen):
    """One version of a policy. `trigger` is an event type, or with the effect ``deny`` a command type."""

    policy_id: PolicyId
    version: Ordinal
    title: Label
    effect: Effect = "send"
    trigger: str
    condition: str
    command: CommandTemplate | None = None
    protected: Flag = False
    examples: Annotated[tuple[PolicyExample, ...], on_entry(_few, maxItems=MAX_EXAMPLES)]

    @property
    def name(self) -> str:
        """``<policy_id>@<version>``, as actors and counters have it."""
        return f"{self.policy_id}@{self.version}"
