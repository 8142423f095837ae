"""Every verb of the `person` command is typed wrongly: with an exit code, a line for people, and with `--json` an envelope that says why."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from local.stack import Endpoints
from ops.cli import main

ID = "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"
WHY = ("--why", "a test")
REASON = ("--reason", "a test")
FOREGROUND = {"up", "worker", "neighbours"}
"""Verbs that print no document."""
WORDS_OF_OTHERS = ("Traceback", "nats: ", "should match pattern", "should have at least", "errno", "Errno")

# Refused before a server is asked.
AT_ONCE: tuple[tuple[str, ...], ...] = (
    ("backup",),
    ("backup", "a-file"),
    ("backup", "new", "--stream", "a.b"),
    ("backup", "new", "--stream", ""),
    ("restore",),
    ("restore", "missing"),
    ("contracts", "--check", "--release"),
    ("contracts", "--folder", "a-file"),
    ("dlq",),
    ("dlq", "list", "--person", "abc"),
    ("dlq", "list", "--older-than", "soon"),
    ("dlq", "list", "--older-than", "999999d"),
    ("dlq", "list", "--route", ""),
    ("dlq", "stats", "--younger-than", "-1m"),
    ("dlq", "stats", "--cause", ""),
    ("dlq", "show", "abc"),
    ("dlq", "show", ""),
    ("dlq", "dry-run", "saga/x"),
    ("dlq", "edit", "abc", *WHY, "--data", "{}"),
    ("dlq", "edit", "17", "--why", "", "--data", "{}"),
    ("dlq", "edit", "17", *WHY, "--data", "{}", "--by", "nobody"),
    ("dlq", "edit", "17", *WHY, "--file", "missing"),
    ("dlq", "redrive"),
    ("dlq", "redrive", "abc"),
    ("dlq", "redrive", "17", "--all"),
    ("dlq", "redrive", "17", "--by", "ada"),
    ("dlq", "redrive", "17", "--why", "x" * 501),
    ("dlq", "redrive", "--agent", "", "--yes"),
    ("dlq", "discard", "17"),
    ("dlq", "discard", "abc", *WHY, "--yes"),
    ("dlq", "discard", "--all", "--why", "", "--yes"),
    ("dlq", "history", "abc"),
    ("dlq", "history", "--limit", "0"),
    ("doctor", "--profile", "x"),
    ("doctor", "--nats-monitor", "x"),
    ("generations", "build", "green", "--partitions", "0"),
    ("generations", "build", "green", "--actor", "x"),
    ("generations", "compare", "first", "--check", "x"),
    ("generations", "compare", "first", "--rate", "0"),
    ("generations", "drop"),
    ("generations", "rollback", "--actor", "x"),
    ("generations", "rollback", "--timeout", "0"),
    ("generations", "status", "--over", "0"),
    ("generations", "switch", "green", "--actor", "x"),
    ("get", "abc"),
    ("get", ID, "--min-position", "x"),
    ("get", ID, "--as-of-sequence", "0"),
    ("import", "paper", "a-file"),
    ("import", "vcard", "missing"),
    ("import", "csv", "a-file"),
    ("import", "csv", "a-file", "--mapping", "bytes"),
    ("migrate",),
    ("migrate", "x", "--batch", "0"),
    ("neighbours", "--faults", "missing"),
    ("neighbours", "--faults", "bytes"),
    ("outcome", "abc"),
    ("outcome", ""),
    ("permissions", "--out", "a-file"),
    ("policies", "activate", "auto-archive", "--actor", "x"),
    ("policies", "apply", "missing", "--actor", "x"),
    ("policies", "explain", "auto-archive", "abc"),
    ("policies", "list", "--status", "x"),
    ("policies", "retire", "auto-archive@1", "--actor", "x"),
    ("policies", "shadow", "auto-archive", "--actor", "x"),
    ("policies", "suspend", "auto-archive", "--actor", "x"),
    ("policies", "validate", "missing"),
    ("policies", "validate", "bytes"),
    ("policies", "what-if", "auto-archive", "--person", "abc"),
    ("policies", "what-if", "auto-archive", "--days", "0"),
    ("query", "find"),
    ("query", "search", "--data", "{"),
    ("query", "search", "--data", "[]"),
    ("replay",),
    ("replay", "--into", "r", "--type", "lifecycle.created"),
    ("replay", "--into", "r", "--from-sequence", "9", "--to-sequence", "3"),
    ("replay", "--into", "r", "--since", "2026-02-01", "--until", "2026-01-01"),
    ("replay", "--agent", "project_summary", "--table", "Bad Name"),
    ("sagas", "list", "--older-than", "999999d"),
    ("sagas", "list", "--step", "x"),
    ("sagas", "list", "--open", "--parked"),
    ("sagas", "show", "abc"),
    ("sagas", "retry", "abc", *REASON),
    ("sagas", "retry", ID, "--reason", ""),
    ("sagas", "skip", "abc", "identity", *REASON),
    ("sagas", "skip", ID, "identity", *REASON, "--actor", "x"),
    ("sagas", "compensate", ID),
    ("sagas", "abort", ID, "--yes", "--reason", "x" * 501),
    ("send", "promote"),
    ("send", "create", "--name", ""),
    ("send", "create", "--name", "X", "--actor", "x"),
    ("timeline", "abc"),
    ("timeline", ID, "--type", "suspended"),
    ("trace",),
    ("trace", "abc"),
    ("up", "--nodes", "2"),
    ("up", "--data", "a-file"),
    ("verify", "--partition", "99"),
    ("verify", "--heal"),
    ("verify", "--heal", *WHY, "--by", "x"),
    ("watch", "--filter", "{"),
    ("watch", "--from", "99:1"),
    ("worker", "--port", "0"),
    ("worker", "--data", "a-file"),
)

# Refused by what is asked, with what the answer says.
ASKED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("backup", "new", "--stream", "NOSUCH"), "--stream NOSUCH: there is no such stream"),
    (
        ("dlq", "list", "--route", "nosuch"),
        "route: there is no such route; there are: agent, commands, events, foreign",
    ),
    (("dlq", "list", "--agent", "nosuch"), "agent: there is no such agent; there are: admit_command, "),
    (("dlq", "stats", "--route", "nosuch"), "route: there is no such route; there are: "),
    (("dlq", "show", "999999"), "not_found: no such dead letter is open"),
    (("dlq", "dry-run", "999999"), "not_found: no such dead letter is open"),
    (("dlq", "edit", "999999", *WHY, "--data", "{}"), "not_found: no such dead letter is open"),
    (("dlq", "redrive", "999999"), "999999  not_found: no such dead letter is open"),
    (("dlq", "redrive", "--route", "nosuch", "--yes"), "route: there is no such route; there are: "),
    (("dlq", "discard", "999999", *WHY, "--yes"), "999999  not_found: no such dead letter is open"),
    (("dlq", "discard", "--route", "nosuch", *WHY, "--yes"), "route: there is no such route; there are: "),
    (("dlq", "history", f"fold_persons/{ID}"), "AGENT/PERSON_ID/STREAM_SEQUENCE"),
    (("generations", "build", "Bad Name"), "'Bad Name' is no name of a generation"),
    (("generations", "compare", "nosuch"), "generation nosuch is not declared"),
    (("generations", "drop", "nosuch", "--yes"), "generation nosuch is not declared"),
    (("generations", "switch", "nosuch"), "generation nosuch is not declared"),
    (("get", ID), "not_found: no such person"),
    (("migrate", ""), "there is neither a file nor a stream ''"),
    (("migrate", "a-file"), "refused"),
    (("outcome", ID), "not_found: no outcome under this command id"),
    (("policies", "activate", "nosuch"), "no policy 'nosuch' is registered"),
    (("policies", "apply", "bytes"), "bytes cannot be read: it is no UTF-8 text"),
    (("policies", "apply", "missing"), "missing cannot be read: No such file or directory"),
    (("query", "get_by_id"), "person_id: Field required"),
    (("replay", "--into", "a-file"), "a-file is there and has no checkpoint"),
    (("restore", "empty"), "empty holds no backup"),
    (("sagas", "show", ID), "not_found: no such saga"),
    (("sagas", "retry", ID, *REASON), "saga_not_found: unknown saga"),
    (("send", "create"), "invalid_command: data.name: missing"),
    (("send", "lifecycle.suspend", "--person", ID, *REASON), "person_not_found"),
    (("timeline", ID), "not_found: no such person"),
    (("trace", ID), "no stream holds a message"),
    (("verify", "--check", "outcomes", "--checkpoint", "a-file"), "a-file is no checkpoint of a verification"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the verbs run: a file, bytes that are no text, an empty folder."""
    (tmp_path / "a-file").write_text("x")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("aiokafka")
    level = logger.level
    yield tmp_path
    logger.setLevel(level)


def verbs() -> Iterator[tuple[str, ...]]:
    """The words of every verb."""
    for name, verb in main.commands.items():
        if isinstance(verb, click.Group):
            yield from ((name, part) for part in verb.commands)
        else:
            yield (name,)


def typed(arguments: tuple[str, ...], servers: Endpoints | None) -> Result:
    nats, kafka = (
        ("nats://127.0.0.1:1", "127.0.0.1:1") if servers is None else (servers.nats_url, servers.kafka_bootstrap)
    )
    environment = {"PERSON_NATS_URL": nats, "PERSON_KAFKA_BOOTSTRAP": kafka, "PERSON_ACCESS": "open"}
    return CliRunner().invoke(main, arguments, env=environment)


def faults(arguments: tuple[str, ...]) -> Iterator[str]:
    """How the answers to these words, for people and for machines, break the rules."""
    yield from faults_of(arguments, None)
    if arguments[0] not in FOREGROUND:
        yield from faults_of((*arguments, "--json"), None)


def faults_of(words: tuple[str, ...], servers: Endpoints | None, says: str = "") -> Iterator[str]:
    """How one answer breaks the rules."""
    done = typed(words, servers)
    told = done.stdout + done.stderr
    if not isinstance(done.exception, SystemExit):
        yield f"{words}: ended with {done.exception!r}"
    if done.exit_code not in (1, 2):
        yield f"{words}: exit code {done.exit_code}"
    if not told.strip():
        yield f"{words}: nothing was said"
    if any(word in told for word in WORDS_OF_OTHERS) or says not in told:
        yield f"{words}: said {told}"
    if "--json" in words:
        yield from _faults_of_envelope(words, done.stdout)


def _faults_of_envelope(words: tuple[str, ...], text: str) -> Iterator[str]:
    try:
        document = json.loads(text)
    except ValueError:
        yield f"{words}: no envelope but {text!r}"
        return
    if document["status"] not in ("error", "failed", "refused") or not any(document["diagnostics"]):
        yield f"{words}: the envelope says {document['status']}, {document['diagnostics']}"


def test_what_is_mistyped_is_refused_before_a_server_is_asked() -> None:
    wrong = [line for arguments in AT_ONCE for line in faults(arguments)]
    wrong += [line for verb in verbs() for line in faults((*verb, "--no-such-option"))]

    assert not wrong, "\n".join(wrong)


def test_what_is_not_there_is_named(team: object, servers: Endpoints) -> None:
    wrong = [line for words, says in ASKED for line in faults_of((*words, "--json"), servers, says)]

    assert not wrong, "\n".join(wrong)


def test_every_verb_is_typed_wrongly() -> None:
    tried = {words[: len(verb)] for verb in verbs() for words in (*AT_ONCE, *(one for one, _ in ASKED))}
    # These take neither an argument nor a value.
    plain = {("routes",), ("sweep",)}

    assert set(verbs()) - tried == plain


@pytest.mark.parametrize("words", [("--json",), ("nosuch", "--json"), ("dlq", "--json"), ("dlq", "nosuch", "--json")])
def test_words_that_name_no_verb_are_answered_with_the_envelope_too(words: tuple[str, ...]) -> None:
    done = typed(words, None)

    assert done.exit_code == 2
    assert json.loads(done.stdout)["diagnostics"]


def test_help_ends_well_with_json_among_the_words() -> None:
    assert typed(("get", "--json", "--help"), None).exit_code == 0
