"""What a failure writes to the log."""

from __future__ import annotations

from lanes.failure import stack_of


def test_a_failure_is_logged_with_type_stack_and_cause_but_without_messages() -> None:
    try:
        try:
            raise ValueError("ada@example.org is no address")
        except ValueError as cause:
            raise RuntimeError("cannot fold ada@example.org") from cause
    except RuntimeError as error:
        text = stack_of(error)

    assert text.startswith("RuntimeError")
    assert "caused by ValueError" in text
    assert "test_failures_are_logged_without_payloads.py" in text
    assert "cannot fold" not in text.replace('raise RuntimeError("cannot fold ada@example.org") from cause', "")
