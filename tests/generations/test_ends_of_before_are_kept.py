"""While the next generation begins, the register names the new ends; whoever takes the switch back then gives back those of before."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any

import pytest
from nats.aio.client import Client

import ops.generations.switching
from agents.generations import Generation, Held, Register, change_register, read_register
from bridge.streams import ensure_stream
from config import streams
from config.settings import Settings
from ops.generations.ends_before import Ends, ends_before, keep_ends
from ops.generations.switching import _Switching

FIRST = Generation(name="", app_id="x", partitions=1, declared_at="2026-01-01", declared_by="user:x")
BOTH = Register(
    generations={"": FIRST, "green": FIRST.model_copy(update={"name": "green", "app_id": "x-green"})},
    term=4,
    events_up_to=10,
    sagas_up_to=3,
)


@pytest.fixture
async def installation(nc: Client) -> str:
    """The name of an installation that nobody has used yet, on streams that are there."""
    [positions] = [one for one in streams.streams(8, 1) if one["name"] == streams.POSITIONS]
    await ensure_stream(nc, positions)
    return f"t{uuid.uuid4().hex[:10]}"


def switching(nc: Client, installation: str, held: Held, to: str) -> _Switching:
    nobody: Any = None
    said: list[str] = []
    return _Switching(nc, Settings(app_id=installation), nobody, held, to, "user:x", 5, said.append, True)


async def killed_while_green_begins(nc: Client, held: Held, installation: str, patch: pytest.MonkeyPatch) -> None:
    """Run a switch whose steps are all done at once, up to where the owners of the next generation are waited for."""
    cut_off = asyncio.Event()

    async def done(*_: Any, **__: Any) -> bool:
        return True

    async def at_the_ends() -> tuple[int, int]:
        return 50, 20

    async def never(_self: _Switching, _settings: Settings, phase: str) -> None:
        if phase == "starting":
            cut_off.set()
            await asyncio.Event().wait()

    with patch.context() as patched:
        for name in ("_until", "_all_folded", "_hand_over"):
            patched.setattr(_Switching, name, done)
        patched.setattr(_Switching, "_until_through", never)
        change = switching(nc, installation, held, "green")
        patched.setattr(change, "_ends", at_the_ends)
        # What a kill leaves undone: nothing is taken back.
        running = asyncio.create_task(change._run())
        await asyncio.wait({running, asyncio.create_task(cut_off.wait())}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_switch_that_was_killed_while_the_next_one_began_gives_nothing_up(
    nc: Client, installation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await change_register(nc, installation, Held(Register(), 0), BOTH)
    await killed_while_green_begins(nc, held, installation, monkeypatch)
    held = await read_register(nc, installation)
    assert (held.register.phase, held.register.following, held.register.term) == ("starting", "green", 5)
    assert (held.register.events_up_to, held.register.sagas_up_to) == (50, 20)

    async def all_are_through(_nc: Client, _app_id: str, _partitions: int) -> dict[int, dict[str, Any]]:
        return {0: {"through": (await read_register(nc, installation)).sequence}}

    monkeypatch.setattr(ops.generations.switching, "ask_owners", all_are_through)
    done = await switching(nc, installation, held, "").run()

    register = (await read_register(nc, installation)).register
    assert (register.serving, register.phase, register.term) == ("", "serving", 6)
    assert (register.events_up_to, register.sagas_up_to) == (done.events_up_to, done.sagas_up_to) == (10, 3)


async def test_ends_of_before_are_those_of_the_switch_under_way(nc: Client, installation: str) -> None:
    await keep_ends(nc, installation, 5, Ends(7, 2))
    found = {
        (phase, following, term): await ends_before(
            nc, installation, BOTH.model_copy(update={"phase": phase, "following": following, "term": term})
        )
        for phase, following, term in (
            ("starting", "green", 5),
            ("starting", "green", 6),
            ("starting", "", 5),
            ("stopped", "green", 5),
            ("serving", None, 5),
        )
    }

    assert [one for one, ends in found.items() if ends == Ends(7, 2)] == [("starting", "green", 5)]
    assert {ends for ends in found.values() if ends != Ends(7, 2)} == {Ends(10, 3)}
