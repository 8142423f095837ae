"""The verbs of `person policies`; what each does is in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import click
from nats.errors import Error as NatsError

from domain.ids import is_person_id, is_uuid
from domain.policies.document import Status
from domain.refusals import Refused
from ops import output
from ops.client import ClientError, PersonClient
from ops.option_rules import require_actor
from ops.options import as_json_option, outcome_timeout_option
from ops.policies.changing import applied, moved
from ops.policies.explaining import explain, find
from ops.policies.files import PolicyFileError
from ops.policies.replay import Unreadable
from ops.policies.rules import UnknownPolicyError, choose
from ops.policies.telling import (
    told_explanation,
    told_outcome,
    told_refusal,
    told_replay,
    told_rules,
    told_validation,
)
from ops.policies.validating import validated
from ops.policies.what_if import what_if

WithClient = Callable[[Callable[[PersonClient], Coroutine[Any, Any, Any]], bool], Any]

DAYS = 3650

actor_option = click.option(
    "--actor",
    default="user:cli",
    show_default=True,
    envvar="PERSON_ACTOR",
    show_envvar=True,
    help="Who does it, as kind:id; it is recorded with the policy.",
)
show_data_option = click.option("--show-data", is_flag=True, help="Show personal data too.")
file_argument = click.argument("file", type=click.Path(path_type=Path))


def policies_group(with_client: WithClient) -> click.Group:
    """The verbs; they ask, send and read through `with_client`."""

    @click.group()
    def policies() -> None:
        """Policies: rules that send or refuse commands, written and changed while everything runs.

        POLICY is auto-archive, auto-archive@2, or where that makes sense the path of a file.

        \b
        Examples:
          person policies validate my-policy.toml
          person policies what-if my-policy.toml --days 30
          person policies apply my-policy.toml
          person policies shadow my-policy
          person policies activate my-policy
        """

    @policies.command()
    @click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
    @as_json_option
    def validate(files: tuple[Path, ...], as_json: bool) -> None:
        """Check documents without a server: compile them, and run their examples. Exit code 1 when one is not valid.

        \b
        Example:
          person policies validate my-policy.toml
        """
        found = [validated(file) for file in files]
        good = all(one.fault is None for one in found)
        if as_json:
            faults = [one.fault for one in found if one.fault is not None]
            output.envelope("ok" if good else "failed", [one.as_data() for one in found], faults)
        else:
            output.text.print("\n".join(told_validation(one) for one in found), markup=False)
        raise SystemExit(output.EXIT_OK if good else output.EXIT_FAILURE)

    @policies.command()
    @file_argument
    @actor_option
    @outcome_timeout_option
    @as_json_option
    def apply(file: Path, actor: str, timeout: float, as_json: bool) -> None:
        """Register the document in FILE as the next version of its policy. It is a draft then and does nothing.

        A document without a version gets the next one. Applying what is registered already changes nothing.

        \b
        Example:
          person policies apply my-policy.toml
        """
        require_actor("--actor", actor, as_json=as_json)
        done = asked(lambda client: applied(client, file, actor, timeout), as_json)
        _finish(done, as_json)

    def move(verb: str, policy: str, actor: str, timeout: float, as_json: bool) -> None:
        require_actor("--actor", actor, as_json=as_json)
        done = asked(lambda client: moved(client, verb, policy, actor, timeout), as_json)
        _finish(done, as_json)

    @policies.command()
    @click.argument("policy")
    @actor_option
    @outcome_timeout_option
    @as_json_option
    def shadow(policy: str, actor: str, timeout: float, as_json: bool) -> None:
        """Let POLICY record what it would do, and send nothing. Without a version: the newest.

        \b
        Example:
          person policies shadow auto-archive@2
        """
        move("shadow", policy, actor, timeout, as_json)

    @policies.command()
    @click.argument("policy")
    @actor_option
    @outcome_timeout_option
    @as_json_option
    def activate(policy: str, actor: str, timeout: float, as_json: bool) -> None:
        """Put POLICY in force; a lower version that is in force is retired. Without a version: the newest.

        \b
        Example:
          person policies activate auto-archive@2
        """
        move("activate", policy, actor, timeout, as_json)

    @policies.command()
    @click.argument("policy")
    @actor_option
    @outcome_timeout_option
    @as_json_option
    def suspend(policy: str, actor: str, timeout: float, as_json: bool) -> None:
        """Stop POLICY at once, on every worker. Without a version: the one in force, else the newest in shadow.

        \b
        Example:
          person policies suspend auto-archive
        """
        move("suspend", policy, actor, timeout, as_json)

    @policies.command()
    @click.argument("policy")
    @actor_option
    @outcome_timeout_option
    @as_json_option
    def retire(policy: str, actor: str, timeout: float, as_json: bool) -> None:
        """Stop a version of POLICY for good; POLICY names it, as in auto-archive@1.

        \b
        Example:
          person policies retire auto-archive@1
        """
        move("retire", policy, actor, timeout, as_json)

    @policies.command(name="list")
    @click.option(
        "--status", "statuses", multiple=True, type=click.Choice(get_args(Status)), help="May be given repeatedly."
    )
    @click.option("--policy", "policy_id", help="Only this policy.")
    @click.option("--decisions", is_flag=True, help="Tell the latest decisions too.")
    @as_json_option
    def list_(statuses: tuple[str, ...], policy_id: str | None, decisions: bool, as_json: bool) -> None:
        """List policies, their versions, and how often each has fired.

        \b
        Examples:
          person policies list --status active
          person policies list --policy auto-archive --decisions
        """
        request: dict[str, Any] = {"status": [*statuses], "with_decisions": decisions}
        if policy_id is not None:
            request["policy_id"] = policy_id
        rows = with_client(lambda client: client.query("list_rules", request), as_json)["data"]
        if as_json:
            output.envelope("ok", rows)
        else:
            output.text.print("\n".join(told_rules(rows)), markup=False)

    @policies.command(name="explain")
    @click.argument("policy")
    @click.argument("event_id")
    @click.option(
        "--person", "person_id", help="The person of the event; without it, all events of the type are searched."
    )
    @show_data_option
    @as_json_option
    def explain_(policy: str, event_id: str, person_id: str | None, show_data: bool, as_json: bool) -> None:
        """Say why POLICY fired or did not fire on the event EVENT_ID. It reads the streams alone, and needs no worker.

        \b
        Examples:
          person policies explain auto-archive EVENT
          person policies explain my-policy.toml EVENT --person ID --show-data
        """
        for option, given in (("EVENT_ID", event_id), ("--person", person_id)):
            if given is not None and not is_uuid(given):
                output.fail(output.EXIT_USAGE, f"{option} must be a UUID in lower case with hyphens", as_json=as_json)

        async def run(client: PersonClient) -> Any:
            chosen = await choose(client.nc, policy)
            if chosen.policy.document.effect == "deny":
                raise UnknownPolicyError(
                    f"{chosen.policy.name} is a deny rule: it is asked about commands, which are not kept, and not about events"
                )
            happened = await find(client.nc, chosen.policy, event_id, person_id)
            if happened is None:
                whose = (
                    f"of person {person_id}" if person_id else f"of type {chosen.policy.trigger}; --person finds others"
                )
                raise UnknownPolicyError(f"there is no event {event_id} {whose}")
            return chosen, await explain(client.nc, chosen.policy, happened, event_id, show_data=show_data)

        chosen, explanation = asked(run, as_json)
        if as_json:
            output.envelope("ok", {**explanation.as_data(), "status": chosen.status})
        else:
            output.text.print("\n".join(told_explanation(explanation, chosen.status)), markup=False)

    @policies.command(name="what-if")
    @click.argument("policy")
    @click.option("--days", default=30, show_default=True, type=click.IntRange(1, DAYS), help="How far to go back.")
    @click.option("--person", "person_id", help="Only events of this person.")
    @click.option(
        "--limit", default=20, show_default=True, type=click.IntRange(0), help="Commands to list; all are counted."
    )
    @show_data_option
    @as_json_option
    def what_if_(policy: str, days: int, person_id: str | None, limit: int, show_data: bool, as_json: bool) -> None:
        """Replay the events of the last days and print the commands that POLICY would have sent. Nothing is sent.

        \b
        Examples:
          person policies what-if my-policy.toml
          person policies what-if auto-archive@2 --days 365 --limit 100
        """
        if person_id is not None and not is_person_id(person_id):
            output.fail(output.EXIT_USAGE, "--person must be a UUID in lower case with hyphens", as_json=as_json)
        since = datetime.now(UTC) - timedelta(days=days)

        async def run(client: PersonClient) -> Any:
            chosen = await choose(client.nc, policy)
            if chosen.policy.document.effect == "deny":
                raise UnknownPolicyError(
                    f"{chosen.policy.name} is a deny rule: commands are not kept, so there is nothing to replay"
                )
            return await what_if(client.nc, chosen.policy, since, person_id)

        replay = asked(run, as_json)
        if as_json:
            commands = [
                {**would.as_data(), **({"data": would.payload} if show_data else {})}
                for would in replay.commands[:limit]
            ]
            output.envelope("ok", {**replay.as_data(), "days": days, "commands": commands})
        else:
            output.text.print("\n".join(told_replay(replay, days, limit, show_data)), markup=False)

    def asked(ask: Callable[[PersonClient], Coroutine[Any, Any, Any]], as_json: bool) -> Any:
        async def run(client: PersonClient) -> Any:
            try:
                return await ask(client)
            except (NatsError, TimeoutError) as error:
                raise ClientError(f"the streams could not be read ({type(error).__name__})") from error

        try:
            return with_client(run, as_json)
        except Refused as refused:
            output.fail(output.EXIT_FAILURE, told_refusal(refused), as_json=as_json)
        except Unreadable as error:
            output.fail(output.EXIT_FAILURE, f"the person cannot be folded: {error}", as_json=as_json)
        except (PolicyFileError, UnknownPolicyError) as error:
            output.fail(output.EXIT_USAGE, str(error), as_json=as_json)

    return policies


def _finish(done: dict[str, Any], as_json: bool) -> None:
    good = done["status"] == "accepted"
    if as_json:
        output.envelope("ok" if good else "refused", done, () if good else [told_outcome(done)])
    else:
        output.text.print(told_outcome(done), markup=False)
    raise SystemExit(output.EXIT_OK if good else output.EXIT_FAILURE)
