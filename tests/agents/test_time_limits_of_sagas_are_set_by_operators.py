"""Other time limits than those of the definitions are read strictly: what is no step, or no time, is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.saga_timeouts import read_timeouts
from bridge.errors import BridgeError


def test_limits_of_steps_and_of_their_undo_are_read() -> None:
    assert read_timeouts("") == {}
    assert read_timeouts("onboarding/IdentityStep=2.5, cross_domain_sync/identity/undo=30,") == {
        "onboarding/IdentityStep": timedelta(seconds=2.5),
        "cross_domain_sync/identity/undo": timedelta(seconds=30),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "onboarding/NoStep=3",
            "'onboarding/NoStep' is no step with a time limit; there are: .*onboarding/IdentityStep",
        ),
        ("onboarding/CompletionStep/undo=3", "is no step with a time limit"),
        ("onboarding/IdentityStep", "onboarding/IdentityStep must be a number of seconds above 0"),
        ("onboarding/IdentityStep=soon", "must be a number of seconds above 0"),
        ("onboarding/IdentityStep=0", "must be a number of seconds above 0"),
        ("onboarding/IdentityStep=inf", "must be a number of seconds above 0"),
        ("erasure/grace=3", "is no step with a time limit"),
    ],
)
def test_what_is_wrong_is_named_with_its_rule(text: str, words: str) -> None:
    with pytest.raises(BridgeError, match=f"^PERSON_SAGA_TIMEOUTS: .*{words}"):
        read_timeouts(text)
