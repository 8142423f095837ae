"""The policies that `benchmarks.policies` registers pass their own examples, and cover the events of the load."""

from __future__ import annotations

import orjson

from benchmarks.person_events import Population
from benchmarks.policies import BRANCHES, TRIGGERS, document, documents
from domain.policies.registration import check


def test_each_kind_of_condition_on_each_event_type_is_valid() -> None:
    for trigger in TRIGGERS:
        for number in range(len(BRANCHES)):
            assert check(document(number, trigger, fires=False)).trigger == trigger
    assert check(document(0, "person.name_updated", fires=True)).trigger == "person.name_updated"


def test_most_events_of_the_load_have_policies() -> None:
    population = Population(20)
    types = [orjson.loads(population.next_event()[1].data)["type"] for _ in range(1_000)]
    triggers = {one["trigger"] for one in documents(100, every_event=False)}

    assert triggers == set(TRIGGERS)
    assert sum(one in triggers for one in types) > 700
