"""Open links of persons: what a state holds, and which events change it."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given

from domain.components.git_profile import GitProfileComponent
from domain.evolve import apply
from domain.links import LINK_KINDS, Link, git_link, links_in, parse_link
from domain.person import Person, dump_state
from domain.views.changed_by import changes
from domain.views.links import LINKS_CHANGED_BY
from tests.domain.generate_histories import Step, histories


def links(person: Person) -> set[Link]:
    """Those of a state, from its stored form."""
    return {*links_in(orjson.loads(dump_state(person)))}


@given(steps=histories(max_size=12))
def test_the_stored_form_of_a_state_tells_its_open_links_and_only_listed_events_change_them(steps: list[Step]) -> None:
    for step in steps:
        before = step.before
        for event in step.events:
            after = apply(before, event)
            assert links(after) == expected(after)
            assert all(parse_link(str(link)) == link for link in links(after))
            if (links(after), after.merged_into) != (links(before), before.merged_into):
                assert changes(LINKS_CHANGED_BY, event.data), event.type
            before = after


def expected(person: Person) -> set[Link]:
    """What the models of a state say."""
    return {
        *(Link("identity", identity_id) for identity_id in person.identities),
        *(Link("organization", str(one.organization_id)) for one in person.employments.values() if one.is_open),
        *(Link("location", one.location_id) for one in person.locations.values()),
        *(Link("agent", agent_id) for agent_id in person.agents),
        *(
            git_link(one.data.provider, one.data.username)
            for one in person.components.values()
            if isinstance(one.data, GitProfileComponent)
        ),
    }


@pytest.mark.parametrize("key", ["", "identity", "identity:", "desk:1", "identity: ", f"agent:{'x' * 400}"])
def test_a_key_that_names_no_link_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="a key of links"):
        parse_link(key)


def test_accounts_are_compared_without_regard_to_case() -> None:
    assert parse_link("git:GitHub/Ada") == git_link("GitHub", "ADA") == Link("git", "GitHub/ada")
    assert set(LINK_KINDS) == {"identity", "organization", "location", "agent", "git"}
