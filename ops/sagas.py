"""`person sagas`: which sagas run and which wait for somebody, what one of them has done, and what an operator can do to it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import click

from domain.sagas.catalogue import SAGAS
from domain.sagas.state import SagaStatus
from ops import output
from ops.client import CommandMessage, PersonClient, QueryFailed
from ops.option_rules import require_actor, require_id, require_reason, so_long_ago
from ops.options import as_json_option, outcome_timeout_option

Row = dict[str, Any]
WithClient = Callable[[Callable[[PersonClient], Coroutine[Any, Any, Any]], bool], Any]

SAGA_NAMES = tuple(SAGAS)
LISTED = 500
_ACTS = {"retry": "retried", "skip": "skipped", "compensate": "cancelled", "abort": "aborted"}

reason_option = click.option("--reason", required=True, help="Why, 1 to 500 characters; it is recorded with the saga.")
actor_option = click.option(
    "--actor",
    default="user:cli",
    show_default=True,
    help="Who does it, as kind:id; it is recorded with the saga.",
)


def sagas_group(with_client: WithClient) -> click.Group:
    """The verbs; they ask and send through `with_client`."""

    @click.group()
    def sagas() -> None:
        """Sagas: processes over several persons and domains, and those that wait for an operator.

        \b
        Examples:
          person sagas list --parked
          person sagas show SAGA
          person sagas retry SAGA --reason "the identity domain is back"
        """

    @sagas.command(name="list")
    @click.option(
        "--status", "statuses", multiple=True, type=click.Choice(get_args(SagaStatus)), help="May be given repeatedly."
    )
    @click.option("--parked", is_flag=True, help="Only sagas that have failed and wait for an operator.")
    @click.option("--open", "is_open", is_flag=True, help="Short for the statuses Running and Compensating.")
    @click.option("--saga", type=click.Choice(SAGA_NAMES), help="Only sagas of this name.")
    @click.option("--step", help="Only sagas at this step, for instance IdentityStep.")
    @click.option("--person", "person_id", help="Only sagas of this person.")
    @click.option("--older-than", metavar="AGE", help="Only sagas unchanged for this long: 90s, 10m, 2h or 3d.")
    @click.option("--limit", default=50, show_default=True, type=click.IntRange(1, LISTED), help="Sagas to tell.")
    @as_json_option
    def list_(
        statuses: tuple[str, ...],
        parked: bool,
        is_open: bool,
        saga: str | None,
        step: str | None,
        person_id: str | None,
        older_than: str | None,
        limit: int,
        as_json: bool,
    ) -> None:
        """List sagas, those that have changed least recently first.

        \b
        Examples:
          person sagas list --open --older-than 10m
          person sagas list --parked --saga cross_domain_sync
          person sagas list --status Failed --step identity --json
        """
        require_id("--person", person_id, as_json=as_json)
        known = {one.name for definition in SAGAS.values() for one in definition.steps}
        if step is not None and step not in known:
            line = f"--step {step}: there is no such step; there are: {', '.join(sorted(known))}"
            output.fail(output.EXIT_USAGE, line, as_json=as_json)
        if parked and is_open:
            line = "--parked and --open exclude each other: a parked saga has failed"
            output.fail(output.EXIT_USAGE, line, as_json=as_json)
        request: Row = {"limit": limit, "status": [*statuses, *(("Running", "Compensating") if is_open else ())]}
        given = {"saga": saga, "step": step, "person_id": person_id, "parked": True if parked else None}
        request |= {name: value for name, value in given.items() if value is not None}
        if older_than is not None:
            request["updated_before"] = so_long_ago("--older-than", older_than, as_json=as_json)
        answer = with_client(lambda client: client.query("list_sagas", request), as_json)
        if as_json:
            output.envelope("ok", answer["data"])
            return
        output.text.print("\n".join(table(answer["data"], datetime.now(UTC))), markup=False)
        if "next" in answer["page"]:
            output.text.print(f"there are more than {limit}; narrow the list or raise --limit", markup=False)

    @sagas.command()
    @click.argument("saga_id")
    @as_json_option
    def show(saga_id: str, as_json: bool) -> None:
        """Show SAGA_ID: where it stands, what it waits for, and everything that has happened to it.

        \b
        Example:
          person sagas show SAGA
        """
        require_id("SAGA_ID", saga_id, as_json=as_json)
        found = with_client(lambda client: client.query("get_saga", {"saga_id": saga_id}), as_json)["data"]
        if as_json:
            output.envelope("ok", found)
            return
        output.text.print("\n".join(described(found, datetime.now(UTC))), markup=False)

    def act(verb: str, saga_ids: Sequence[str], data: Row, actor: str, timeout: float, as_json: bool) -> None:
        for saga_id in saga_ids:
            require_id("SAGA_ID", saga_id, as_json=as_json)
        require_actor("--actor", actor, as_json=as_json)
        require_reason("--reason", data["reason"], as_json=as_json)
        done = with_client(lambda client: acted(client, verb, saga_ids, data, actor, timeout), as_json)
        good = all(one["status"] == "accepted" for one in done)
        if as_json:
            refused = [_done(verb, one) for one in done if one["status"] != "accepted"]
            output.envelope("ok" if good else "refused", done, refused)
        else:
            for one in done:
                output.text.print(_done(verb, one), markup=False)
        raise SystemExit(output.EXIT_OK if good else output.EXIT_FAILURE)

    @sagas.command()
    @click.argument("saga_ids", metavar="SAGA_ID...", nargs=-1, required=True)
    @reason_option
    @actor_option
    @outcome_timeout_option
    @as_json_option
    def retry(saga_ids: tuple[str, ...], reason: str, actor: str, timeout: float, as_json: bool) -> None:
        """Let parked sagas go on from the step that failed. Exit code 1 when one was refused.

        \b
        Example:
          person sagas retry SAGA --reason "the identity domain is back"
        """
        act("retry", saga_ids, {"reason": reason}, actor, timeout, as_json)

    @sagas.command()
    @click.argument("saga_id")
    @click.argument("step")
    @reason_option
    @actor_option
    @outcome_timeout_option
    @as_json_option
    def skip(saga_id: str, step: str, reason: str, actor: str, timeout: float, as_json: bool) -> None:
        """Take STEP of SAGA_ID, or its undo, as done, because somebody has done it by hand. The saga goes on behind it.

        \b
        Example:
          person sagas skip SAGA identity --reason "linked by hand, ticket 4711"
        """
        act("skip", (saga_id,), {"step": step, "reason": reason}, actor, timeout, as_json)

    @sagas.command()
    @click.argument("saga_ids", metavar="SAGA_ID...", nargs=-1, required=True)
    @reason_option
    @actor_option
    @outcome_timeout_option
    @as_json_option
    def compensate(saga_ids: tuple[str, ...], reason: str, actor: str, timeout: float, as_json: bool) -> None:
        """Cancel running sagas: what they have done is undone in reverse order. Refused behind the pivot.

        \b
        Example:
          person sagas compensate SAGA --reason "hired twice by mistake"
        """
        act("compensate", saga_ids, {"reason": reason}, actor, timeout, as_json)

    @sagas.command()
    @click.argument("saga_ids", metavar="SAGA_ID...", nargs=-1, required=True)
    @reason_option
    @actor_option
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @outcome_timeout_option
    @as_json_option
    def abort(saga_ids: tuple[str, ...], reason: str, actor: str, yes: bool, timeout: float, as_json: bool) -> None:
        """End sagas as they are, for good: nothing is sent or undone any more.

        \b
        Example:
          person sagas abort SAGA --reason "settled by hand, ticket 4711"
        """
        if not yes:
            if as_json:
                output.fail(output.EXIT_USAGE, "aborting cannot be undone; add --yes", as_json=True)
            click.confirm(f"{len(saga_ids)} saga(s) will do nothing any more. Abort?", abort=True)
        act("abort", saga_ids, {"reason": reason}, actor, timeout, as_json)

    return sagas


async def acted(
    client: PersonClient, verb: str, saga_ids: Sequence[str], data: Row, actor: str, timeout_s: float
) -> list[Row]:
    """Send a command to each saga; returns the outcomes, a saga that is not there is one refused with `saga_not_found`."""
    command = f"person.commands.saga.{'cancel' if verb == 'compensate' else verb}"
    outcomes: list[Row] = []
    for saga_id in saga_ids:
        try:
            # A saga is reached by way of its person.
            person_id = (await client.query("get_saga", {"saga_id": saga_id}))["data"]["person_id"]
        except QueryFailed as error:
            if error.code != "not_found":
                raise
            refused = {"status": "refused", "code": "saga_not_found", "reason": "unknown saga", "target": saga_id}
            outcomes.append(refused)
            continue
        message = CommandMessage(command, data, person_id, actor=actor, target=saga_id)
        outcomes.append({**await client.send(message, timeout_s=timeout_s), "target": saga_id})
    return outcomes


def table(rows: Sequence[Row], now: datetime) -> list[str]:
    """The rows as lines with a head; one line for none."""
    if not rows:
        return ["no saga"]
    head = ("SAGA", "NAME", "STATUS", "STEP", "TRY", "UNCHANGED", "DUE", "PERSON", "WHY")
    lines = [head, *(_cells(row, now) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    return ["  ".join((*map(str.ljust, line, widths), line[-1])).rstrip() for line in lines]


def described(saga: Mapping[str, Any], now: datetime) -> list[str]:
    """One saga and its history as lines."""
    told = {
        "saga": f"{saga['saga_id']}  {saga['saga']}",
        "person": saga["person_id"],
        "status": _status(saga),
        "step": f"{saga['step']}  {saga['direction']}, attempt {saga['attempt']}, round {saga['round']}",
        "waits for": ", ".join(saga["awaiting"]),
        "due": "" if saga["deadline"] is None else f"{saga['deadline']}  {_due(saga, now)}",
        "done": ", ".join(saga["done"]),
        "to undo": ", ".join(saga["to_undo"]),
        "unreached": ", ".join(saga["unreached"]),
        "why": _why(saga),
        "unchanged": f"since {saga['updated_at']}, {age(saga['updated_at'], now)}",
    }
    lines = [f"{name:<10} {value}".rstrip() for name, value in told.items() if value]
    if saga.get("history_left_out"):
        lines.append(f"           {saga['history_left_out']} earlier events are not shown")
    return [*lines, *(_history_line(entry) for entry in saga["history"])]


def age(at: str | None, now: datetime) -> str:
    """How long ago an instant is, in its largest two units at most."""
    if at is None:
        return "-"
    seconds = max(0, int((now - datetime.fromisoformat(at)).total_seconds()))
    for unit, size, smaller, small in (("d", 86_400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size}{unit}{f' {rest}{smaller}' if rest else ''}"
    return f"{seconds}s"


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    return (
        row["saga_id"],
        row["saga"],
        _status(row),
        row["step"] or "-",
        f"{row['attempt']}/{row['round']}",
        age(row["updated_at"], now),
        _due(row, now),
        row["person_id"],
        _why(row),
    )


def _status(row: Mapping[str, Any]) -> str:
    notes = [
        word
        for word, holds in (("parked", row["parked"]), ("abandoned", row["abandoned"]), ("paused", row["paused"]))
        if holds
    ]
    return f"{row['status']} ({', '.join(notes)})" if notes else str(row["status"])


def _due(row: Mapping[str, Any], now: datetime) -> str:
    if row["deadline"] is None:
        return "-"
    overdue = now >= datetime.fromisoformat(row["deadline"])
    later = age(now.isoformat(), datetime.fromisoformat(row["deadline"]))
    return f"{age(row['deadline'], now)} late" if overdue else f"in {later}"


def _why(row: Mapping[str, Any]) -> str:
    failure = row["failure"] or {}
    words = (row["error"], failure.get("cause"), failure.get("code"))
    return " ".join(dict.fromkeys(str(word) for word in words if word))


def _history_line(entry: Row) -> str:
    if "unreadable" in entry:
        return f"    ?  {entry['unreadable']}  (stream sequence {entry['stream_sequence']})"
    data = entry["data"]
    told = [str(data[name]) for name in ("step", "failed_step", "cause", "code", "error") if data.get(name)]
    told += [
        word
        for word, holds in (("undo", data.get("direction") == "undo"), ("will retry", data.get("will_retry")))
        if holds
    ]
    told += [f"to undo: {', '.join(data['to_undo'])}"] if data.get("to_undo") else []
    told += [f"sends {', '.join(one['send'] for one in data['sends'])}"] if data.get("sends") else []
    told += [f"by {data['by']}: {data.get('reason', '')}"] if data.get("by") else []
    return f"{entry['sequence']:>5}  {entry['at']}  {entry['event']:<20} {'; '.join(told)}".rstrip()


def _done(verb: str, outcome: Row) -> str:
    line = f"{outcome['target']}  "
    if outcome["status"] == "accepted":
        return f"{line}{_ACTS[verb]}, version {outcome['version']}"
    status = (outcome.get("facts") or {}).get("status")
    return f"{line}{outcome['status']}: {outcome['code']}: {outcome.get('reason', '')}" + (
        f" (it is {status})" if status else ""
    )
