"""The port and its adapters: what is granted is allowed, everything else denied with a reason, and every denial is recorded."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest

from connections.errors import AccessSettingError
from queries.authorisation.adapters import adapter_of
from queries.authorisation.denials import LOGGED_EVERY_S, MAX_KINDS, Audited, of_denials
from queries.authorisation.grants import Grants, read_grants
from queries.authorisation.port import ANONYMOUS, Asked, closed_to_all, open_to_all
from queries.authorisation.principal_subject import INVALID, principal_in, queries_of
from queries.endpoints import ENDPOINTS
from queries.metrics import WorkerMetrics

TOKEN = "0123456789abcdef0123456789abcdef"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
FILE = f"""
[principals.dashboard]
http_token_sha256 = ["{DIGEST}"]
pages = ["/status"]

[principals.reader]
queries = ["*"]

[principals.anonymous]
queries = ["get_statistics"]
"""


def grants(tmp_path: Path, text: str = FILE) -> Grants:
    path = tmp_path / "grants.toml"
    path.write_text(text)
    return read_grants(path, known_queries=ENDPOINTS)


def test_what_is_granted_is_allowed_and_everything_else_denied_with_a_reason(tmp_path: Path) -> None:
    port = grants(tmp_path)

    assert port(Asked("reader", "query", "get_by_id")).allowed
    assert port(Asked("dashboard", "page", "/status")).allowed
    assert port(Asked(ANONYMOUS, "query", "get_statistics")).allowed
    for denied in (
        Asked("reader", "page", "/status"),
        Asked("dashboard", "query", "get_by_id"),
        Asked(ANONYMOUS, "query", "get_by_id"),
        Asked("stranger", "query", "get_statistics"),
    ):
        verdict = port(denied)
        assert not verdict.allowed
        assert denied.who in verdict.reason


def test_a_token_is_known_by_its_digest_alone(tmp_path: Path) -> None:
    port = grants(tmp_path)

    assert port.principal_of(TOKEN) == "dashboard"
    assert port.principal_of(DIGEST) is None
    assert port.principal_of("") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("principals = 3", "principals:"),
        ('[principals.reader]\nquerys = ["*"]', "principals.reader.querys"),
        ('[principals.reader]\nqueries = ["get_everything"]', "no query 'get_everything'"),
        ('[principals.reader]\npages = ["status"]', "a page begins with '/'"),
        ('[principals."Ada Lovelace"]', "is no name of a principal"),
        (f'[principals.reader]\nhttp_token_sha256 = ["{TOKEN}"]', "principals.reader.http_token_sha256.0"),
        (f'[principals.anonymous]\nhttp_token_sha256 = ["{DIGEST}"]', "has no token"),
        ("[principals", "is no TOML"),
    ],
    ids=["shape", "key", "query", "page", "name", "token", "anonymous", "toml"],
)
def test_a_wrong_file_is_refused_with_place_and_rule_and_without_its_content(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(AccessSettingError) as refused:
        grants(tmp_path, text)

    assert told in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_without_grants_nobody_may_do_anything_unless_access_is_open(tmp_path: Path) -> None:
    asked = Asked(ANONYMOUS, "page", "/status")

    assert not adapter_of("granted", None, queries=ENDPOINTS).authorise(asked).allowed
    assert adapter_of("open", None, queries=ENDPOINTS).authorise(asked).allowed
    with pytest.raises(AccessSettingError, match=r"PERSON_GRANTS_FILE: .* cannot be read"):
        adapter_of("granted", tmp_path / "missing.toml", queries=ENDPOINTS)


def test_the_subject_says_who_asks_and_a_name_that_is_none_is_nobody() -> None:
    assert principal_in(f"{queries_of('reader')}.get_by_id") == "reader"
    assert principal_in(f"{queries_of(None)}.get_by_id") == ANONYMOUS
    assert principal_in("person.as.anonymous.queries.get_by_id") == INVALID
    assert principal_in("person.as.Ada@example.queries.get_by_id") == INVALID


def test_every_denial_is_counted_and_each_kind_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    port = Audited(closed_to_all, clock=lambda: now)
    asked = Asked("reader", "query", "get_by_id")
    with caplog.at_level(logging.WARNING, logger="person.audit"):
        port(asked)
        port(asked)
        assert len(caplog.records) == 1
        now = LOGGED_EVERY_S
        port(asked)
        assert len(caplog.records) == 2
        assert caplog.records[0].getMessage().startswith("denied: query get_by_id to reader (")

    metrics = WorkerMetrics()
    metrics.add(of_denials(port))
    assert 'person_access_denied_total{action="query",resource="get_by_id"} 3.0' in metrics.text().decode()


def test_names_that_come_from_outside_do_not_fill_the_memory() -> None:
    port = Audited(closed_to_all)
    for number in range(3 * MAX_KINDS):
        port(Asked(f"guess-{number}", "query", "get_by_id"))

    assert len(port._logged) <= MAX_KINDS
    assert len(port.denied) == 1


def test_a_worker_that_may_answer_nobody_says_what_to_set(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="person.audit"):
        Audited(open_to_all).say_if_closed()
        assert not caplog.records
        Audited(closed_to_all).say_if_closed()

    assert "PERSON_GRANTS_FILE" in caplog.records[0].getMessage()
