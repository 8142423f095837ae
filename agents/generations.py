"""The register of an installation's generations: which there are, which one serves, and how far a switch has got. One message in
JetStream holds it.

Guarantee: it is changed only by whoever has seen its last change, so of two operators who switch at once one is refused; what it says is
read from the stream's leader."""

from __future__ import annotations

import uuid
from typing import Literal, NamedTuple

from nats.aio.client import Client
from pydantic import BaseModel, ConfigDict, Field

from bridge import read
from bridge.append import EntityAppend, EventMessage, append_each
from bridge.errors import AppendRefusedError, BridgeError
from bridge.subjects import encode_token
from config.streams import POSITIONS

Phase = Literal["serving", "settling", "draining", "stopped", "starting"]
"""serving: everything runs. settling: the serving generation carries no more timers and events of neighbours, and finishes those it has.
draining: no more commands either. stopped: it only folds, and nobody acts. starting: the one that follows acts, and carries only what is
folded: nobody carries work to a worker that has not begun to act. The one that serves answers queries until the next phase."""

KEPT_SWITCHES = 20


class Model(BaseModel):
    """Closed: a register of a later release is refused instead of half understood."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Generation(Model):
    """A declared generation. `partitions` are those of its topics and tables."""

    name: str
    app_id: str
    partitions: int
    declared_at: str
    declared_by: str


class Switch(Model):
    """A switch that was done. `pause_s` is how long no command was carried."""

    came_from: str
    came_to: str
    at: str
    by: str
    pause_s: float


class Register(Model):
    """What the message says. The first generation of an installation is named by an empty text.

    `term` counts who acts: it grows whenever a generation begins to. Everything that events up to `events_up_to`, and saga events up to
    `sagas_up_to`, have caused was caused before this term.
    """

    serving: str = ""
    phase: Phase = "serving"
    following: str | None = None
    """Who serves next, while a switch is under way; the one that serves, while it is taken back."""
    term: int = 1
    events_up_to: int = 0
    sagas_up_to: int = 0
    generations: dict[str, Generation] = Field(default_factory=dict)
    switches: tuple[Switch, ...] = ()
    dropped: dict[str, Generation] = Field(default_factory=dict)
    """Generations that are no more. Their names stay taken: folders of their workers may be left, with rows of their code."""

    def acts(self, generation: str) -> bool:
        """Whether a generation decides commands and brings effects about."""
        if self.phase == "starting":
            return self.following == generation
        return self.serving == generation and self.phase != "stopped"


class Held(NamedTuple):
    """A register and the stream sequence of its message, 0 before the first."""

    register: Register
    sequence: int


class RegisterMovedError(BridgeError):
    """Somebody else has changed the register meanwhile."""


def register_subject(installation: str) -> str:
    """Where the register of an installation is kept."""
    return f"person.positions.serving.{encode_token(installation.encode())}"


async def read_register(nc: Client, installation: str) -> Held:
    """The register as the stream's leader has it; without one the first generation serves. Raises errors of the server."""
    message = await read.last_message(nc, POSITIONS, register_subject(installation))
    if message is None:
        return Held(Register(), 0)
    return Held(Register.model_validate_json(message.data), message.stream_sequence)


async def change_register(nc: Client, installation: str, held: Held, register: Register) -> Held:
    """Replace the register that was read; raises RegisterMovedError when it is another one by now."""
    subject = register_subject(installation)
    message = EventMessage(subject, register.model_dump_json().encode(), f"{subject}/{uuid.uuid4()}")
    [result] = await append_each(nc, [EntityAppend(subject, held.sequence, [message])])
    if isinstance(result, AppendRefusedError):
        raise RegisterMovedError("somebody else has changed the generations meanwhile; look at them and try again")
    return Held(register, result)
