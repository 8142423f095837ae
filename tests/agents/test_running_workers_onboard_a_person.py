"""Running workers take a person through an onboarding that fails, is undone by its saga and succeeds, and then link and describe it."""

from __future__ import annotations

from typing import Any

from ops.client import CommandMessage, PersonClient
from tests.agents.saga_watch import ends, names, onboarding_of, until_saga

STEPS: list[tuple[str, dict[str, Any]]] = [
    ("verify_identity", {"identity_id": "i-1", "identity_type": "passport", "verification_level": "Document"}),
    ("assign_location", {"location_id": "l-1", "location_type": "Residence"}),
    (
        "provide_basic_info",
        {"email": {"email": {"address": "ada@example.org"}}, "phone": {"phone": {"number": "+49301234567"}}},
    ),
]
HEIGHT = {"type": "Length", "value": 1.65}


async def test_a_person_is_onboarded_at_the_second_try(client: PersonClient) -> None:
    created = await client.send(
        CommandMessage(
            "person.commands.create", {"name": {"given_names": ["Ada"]}, "source": "test", "onboarding": True}
        )
    )
    person_id = created["person_id"]

    async def send(kind: str, data: dict[str, Any], **fields: Any) -> Any:
        return await client.send(CommandMessage(f"person.commands.{kind}", data, person_id, **fields))

    for step, data in STEPS:
        done = await send(f"onboarding.{step}", data)
        assert done["status"] == "accepted", done
    assert (await send("onboarding.complete", {}))["facts"] == {"expected": "WaitingForComponents"}
    await send("onboarding.fail", {"reason": "no answer"})
    # Its saga undoes what was done, the last first, and completes the next run.
    events = await until_saga(client.nc, onboarding_of(person_id), ends("compensated"))
    assert [name for name in names(events) if name.startswith("step_compensated")] == [
        f"step_compensated {step}" for step in ("BasicInfoStep", "LocationStep", "IdentityStep")
    ]
    assert (await send("onboarding.revert_step", {"step": "IdentityStep"}))["code"] == "forbidden"
    again = await send("onboarding.revert_step", {"step": "IdentityStep"}, actor="saga:test")
    assert again["code"] == "onboarding_revert_order"
    await send("onboarding.start", {})
    for step, data in [*STEPS, ("provide_components", {"components": []})]:
        done = await send(f"onboarding.{step}", data)
        assert done["status"] == "accepted", done
    await until_saga(client.nc, onboarding_of(person_id, 2), ends("completed"))
    await send("relationship.add_employment", {"organization_id": "o-1", "role": "Analyst"})
    ended = {"organization_id": "o-1", "end_date": "2020-01-01", "reason": "Resignation"}
    assert (await send("relationship.end_employment", ended))["status"] == "accepted"
    attribute = {
        "attribute_type": "Physical",
        "name": "height",
        "value": HEIGHT,
        "provenance": {"source": "Measured", "confidence": "Certain"},
    }
    last = await send("identity.record_attribute", {"attribute": attribute})
    assert last["status"] == "accepted", last

    asked = {
        "person_id": person_id,
        "include": ["summary", "components", "relations", "attributes"],
        "min_position": last["position"],
        "timeout_ms": 5000,
    }
    person = (await client.query("get_by_id", asked))["data"]
    assert (person["status"], person["summary"]["onboarding_state"], person["summary"]["onboarding_run"]) == (
        "Active",
        "Completed",
        2,
    )
    # Added in one decision, so of one age: their order is that of their ids.
    assert {one["component_type"] for one in person["components"]} == {"EmailAddress", "PhoneNumber"}
    assert len(person["components"]) == 2
    assert person["summary"]["identity_level"] == "Document"
    assert [one["location_id"] for one in person["relations"]["locations"]] == ["l-1"]
    assert [one["end_date"] for one in person["relations"]["employments"]] == ["2020-01-01"]
    assert [one["value"] for one in person["attributes"]] == [HEIGHT]
