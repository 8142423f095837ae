"""Nothing that a client sends as personal data comes back in a refusal, an outcome or an unreadable event."""

from typing import Any

import orjson
import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from domain.commands import read_command
from domain.events import read_event, write_event
from domain.outcomes import Outcome
from domain.refusals import Refused
from domain.undecodable import Undecodable
from tests.domain.specification import COMMAND_TYPES, NOW, created, envelope, given, read, recorded

SECRET = "Zaphod"


def observation(value: Any) -> dict[str, Any]:
    provenance = {"source": "SelfReported", "confidence": "Likely"}
    return {"attribute": {"attribute_type": "Custom", "name": "x", "value": value, "provenance": provenance}}


PLACES: list[tuple[str, dict[str, Any]]] = [
    ("CreatePerson", {"name": {"given_names": [SECRET + "7"]}, "source": "hr"}),
    ("CreatePerson", {"name": {SECRET: 1}, "source": "hr"}),
    ("CreatePerson", {"name": SECRET + "\x00", "source": "hr"}),
    ("CreatePerson", {"name": SECRET, "source": "hr", "birth_date": SECRET}),
    ("SuspendPerson", {"reason": SECRET * 100}),
    ("SuspendPerson", {"reason": {SECRET: SECRET}}),
    ("SuspendPerson", {"reason": "x", SECRET: SECRET}),
    ("SuspendPerson", {"reason": "x", "context": {SECRET: SECRET}}),
    ("AddComponent", {"component_type": SECRET, "data": {}}),
    ("AddComponent", {"component_type": "EmailAddress", "data": {"email": {"address": SECRET}}}),
    ("AddComponent", {"component_type": "EmailAddress", "data": {"email": SECRET}}),
    ("AddComponent", {"component_type": "PhoneNumber", "data": {"phone": {"number": SECRET}}}),
    (
        "AddComponent",
        {
            "component_type": "Skill",
            "data": {"name": "x", "category": SECRET, "proficiency": SECRET},
            "custom_fields": {SECRET: 1e300},
        },
    ),
    ("AwardTitle", {"title": SECRET * 50, "title_type": SECRET}),
    ("RecordAttribute", observation({"type": SECRET, "value": SECRET})),
    ("RecordAttribute", observation({"type": "Year", "value": SECRET})),
    ("RecordAttribute", observation({"type": "Json", "value": {SECRET.lower(): 1e300}})),
    ("RecordAttribute", observation({"type": "List", "value": [{"type": "Json", "value": {SECRET.lower(): 1e300}}]})),
    ("LinkIdentity", {"identity_id": f"{SECRET}@example.org", "identity_type": SECRET}),
    ("AssignLocation", {"location_id": SECRET + " 7", "location_type": SECRET}),
    ("AddEmployment", {"organization_id": "o-1", "role": SECRET * 50, "department_id": SECRET + " 7"}),
    ("EndEmployment", {"organization_id": "o-1", "role": SECRET, "end_date": SECRET, "reason": SECRET}),
    ("AssignAgent", {"agent_id": SECRET + " 7", "agent_type": SECRET, "assignment": "Shared"}),
    ("VerifyIdentity", {"identity_id": "i-1", "identity_type": "x", "verification_level": SECRET}),
    ("ProvideBasicInfo", {"email": {"email": {"address": SECRET}}, "phone": {"phone": {"number": SECRET}}}),
    ("ProvideComponents", {"components": [{"component_type": "Skill", "data": {"name": "x", SECRET: SECRET}}]}),
    (
        "ProvideComponents",
        {
            "components": [
                {
                    "component_type": "CustomAttribute",
                    "data": {"type": "x", "name": "x", "value": {SECRET.lower(): 1e300}},
                }
            ]
        },
    ),
    ("FailOnboarding", {"reason": SECRET * 100}),
    ("UpdateComponent", {"component_id": SECRET, "component_type": "Skill", "changes": {SECRET: SECRET}}),
]


def told(refused: Refused) -> bytes:
    outcome = Outcome.refused(refused, command_id=None).to_bytes()
    return outcome + f"{refused} {refused!r} {refused.__cause__} {refused.reason}".encode()


@pytest.mark.parametrize(("name", "data"), PLACES)
def test_a_bad_value_is_not_repeated(name: str, data: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        read(envelope(name, data))
    assert SECRET.lower().encode() not in told(refused.value).lower()


def test_a_bad_patch_is_not_repeated() -> None:
    mail = {"component_type": "EmailAddress", "data": {"email": {"address": "a@example.org"}}}
    added = given(created()).when("AddComponent", mail)
    (component_id,) = added.then(*(event.data for event in added.events)).components
    for changes in ({"email": {"address": SECRET}}, {"email_type": SECRET}, {"email": {SECRET: SECRET}}):
        asked = {"component_id": component_id, "component_type": "EmailAddress", "changes": changes}
        person = added.then(*(event.data for event in added.events))
        refused = given(person).when("UpdateComponent", asked).refusal
        assert refused is not None
        assert SECRET.encode() not in told(refused)


def test_an_unreadable_event_is_not_repeated() -> None:
    document = orjson.loads(write_event(recorded(created(), 1)))
    for data in ({"name": SECRET}, {"name": {"given_names": SECRET}, "source": "hr"}, {SECRET: SECRET}):
        with pytest.raises(Undecodable) as unreadable:
            read_event(orjson.dumps({**document, "data": data}))
        assert SECRET not in f"{unreadable.value} {unreadable.value.reason} {unreadable.value.__cause__}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just(SECRET) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just(SECRET), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@forall(
    name=st.sampled_from([name for name, _ in PLACES]),
    data=st.dictionaries(st.just("data") | st.just("name") | st.just("reason") | st.text(max_size=6), JSON, max_size=4),
)
def test_whatever_is_sent_is_read_or_refused_without_repeating_it(name: str, data: dict[str, Any]) -> None:
    answer = b""
    try:
        document = orjson.dumps({**envelope(name, {}), "data": data})
    except TypeError:
        return  # an integer that JSON cannot carry
    try:
        read_command(document, subject=COMMAND_TYPES[name], stored_at=NOW)
    except Refused as refused:
        answer = told(refused)
    assert SECRET.encode() not in answer
