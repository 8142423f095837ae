"""Keeps, while a switch lets the next generation begin, the ends under which the one that stops has acted: the register names the new ones then.

Guarantee: whoever takes such a switch back finds the ends of before, in another process as well, so nothing is given up that has had no
effects. They lie beside the register, which stays as workers of every release read it."""

from __future__ import annotations

from typing import NamedTuple

from nats.aio.client import Client
from pydantic import BaseModel, ConfigDict

from agents.generations import Register
from agents.publishing import CONTENT_TYPE, publish
from bridge import read
from bridge.subjects import encode_token
from config.streams import POSITIONS


class Ends(NamedTuple):
    """Stream sequences of the last event and the last saga event whose effects others have caused."""

    events: int
    sagas: int


class _Kept(BaseModel):
    """The ends before a term."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    term: int
    events_up_to: int
    sagas_up_to: int


async def keep_ends(nc: Client, installation: str, term: int, ends: Ends) -> None:
    """Store the ends before a term that is about to begin. Raises errors of the server."""
    kept = _Kept(term=term, events_up_to=ends.events, sagas_up_to=ends.sagas)
    headers = {"Content-Type": CONTENT_TYPE}
    await publish(nc, _subject(installation), kept.model_dump_json().encode(), headers)


async def ends_before(nc: Client, installation: str, register: Register) -> Ends:
    """The ends under which the generation that serves has acted last. Raises errors of the server."""
    if register.phase == "starting" and register.following != register.serving:
        message = await read.last_message(nc, POSITIONS, _subject(installation))
        if message is not None:
            kept = _Kept.model_validate_json(message.data)
            if kept.term == register.term:
                return Ends(kept.events_up_to, kept.sagas_up_to)
    return Ends(register.events_up_to, register.sagas_up_to)


def _subject(installation: str) -> str:
    return f"person.positions.before.{encode_token(installation.encode())}"
