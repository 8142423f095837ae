"""What a saga decides, sends and decides again when a timer is due carries the trace context of what led to it."""

from __future__ import annotations

import orjson

from tests.domain.sagas.world import World

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def onboarding(**attributes: str) -> World:
    world = World()
    world.neighbours = lambda _: "silent"
    name = {"given_names": ["Ada"], "family_names": ["Lovelace"]}
    world.ask("CreatePerson", {"name": name, "source": "hr", "onboarding": True}, **attributes)
    world.settle()
    return world


def traces(world: World) -> set[object]:
    [log] = world.log.values()
    sent = [orjson.loads(raw) for raw in world.sent.values()]
    return {event.traceparent for event in log} | {one.get("traceparent") for one in sent}


def test_events_and_messages_of_a_saga_carry_the_trace_of_what_started_it() -> None:
    world = onboarding(traceparent=TRACE)

    assert world.sent
    assert traces(world) == {TRACE}


def test_a_timer_does_not_end_the_trace() -> None:
    world = onboarding(traceparent=TRACE)
    before = {one: len(log) for one, log in world.log.items()}
    world.settle(timers=True)

    assert {one: len(log) for one, log in world.log.items()} != before
    assert traces(world) == {TRACE}


def test_without_a_trace_there_is_none() -> None:
    assert traces(onboarding()) == {None}
