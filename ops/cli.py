"""The `person` command and its verbs; each verb's work is in a file of its own."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from bridge.errors import BridgeError
from bridge.route_file import RouteFileError
from config.settings import Settings
from config.version import VERSION
from connections.errors import AccessSettingError
from domain.commands import COMMANDS
from domain.event_catalogue import EVENTS
from domain.ids import is_person_id, is_policy_id
from domain.process_commands import PROCESS_COMMANDS, RULE_COMMANDS
from domain.values.person_name import PersonName
from ops import output
from ops.backup.verbs import backup_verb, restore_verb
from ops.client import ClientError, CommandMessage, PersonClient, QueryFailed
from ops.client_traces import client_traces
from ops.command_line import CommandLine
from ops.contracts.verb import contracts
from ops.dlq.group import dlq_group
from ops.doctor.verb import doctor_verb
from ops.generations.verbs import generations_group
from ops.importing.verb import import_verb
from ops.installation import settings
from ops.listing import listing
from ops.migrating.verb import migrate_verb
from ops.neighbours import neighbours_verb
from ops.option_rules import require_actor, require_id
from ops.options import as_json_option
from ops.permissions.verb import permissions_verb
from ops.policies.verbs import policies_group
from ops.query import query_verb
from ops.replay.verb import replay_verb
from ops.sagas import sagas_group
from ops.sweep import sweep_verb
from ops.trace.verb import trace_verb
from ops.verify.verb import verify_verb
from ops.watch import watch_verb
from tracing.otlp import TracesUnavailableError

T = TypeVar("T")

CREATE = "person.commands.create"
START_SAGA = "person.commands.saga.start"
ALL_COMMANDS = {**COMMANDS, **PROCESS_COMMANDS}


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(VERSION, prog_name="person")
def main() -> None:
    """A pure event-driven Person domain on NATS JetStream, Kafka and Faust.

    \b
    Try it:
      person up                                          servers and two workers, Ctrl-C ends them
      person send create --name "Ada Lovelace"           in another terminal
      person get 5f0c4a3e-…                              the id that send printed
      person timeline 5f0c4a3e-…
    """
    # A verb says in one line what a client library logs in several.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@main.command()
@click.option(
    "--nodes",
    default="1",
    show_default=True,
    type=click.Choice(["1", "3"]),
    help="NATS servers and Kafka brokers to run; 3 form clusters with three replicas.",
)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 16), help="Workers to run.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/stack"),
    show_default=True,
    help="Data folder.",
)
@click.option("--nats-port", type=click.IntRange(1, 65535), help="Port of NATS; a free one if left out.")
@click.option("--kafka-port", type=click.IntRange(1, 65535), help="Port of Kafka; a free one if left out.")
@click.option("--neighbours", is_flag=True, help="Run simulated neighbouring domains too, so that sagas get answers.")
def up(nodes: str, workers: int, data: Path, nats_port: int | None, kafka_port: int | None, neighbours: bool) -> None:
    """Run real NATS and Kafka servers and the workers in the foreground.

    Addresses and process ids are written to build/stack.json, where the other verbs find them. A second start on the
    same data folder goes on where the first ended.

    \b
    Examples:
      person up
      person up --workers 3 --data /srv/person
      person up --nodes 3 --data build/cluster
    """
    from ops.up import run  # the servers' packages are optional where the verb is not used

    raise SystemExit(
        run(
            nodes=int(nodes),
            workers=workers,
            data=data,
            nats_port=nats_port,
            kafka_port=kafka_port,
            neighbours=neighbours,
        )
    )


@main.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of this worker's tables (PERSON_DATA_DIR).",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of its HTTP pages (PERSON_HTTP_PORT).")
def worker(data: Path | None, port: int | None) -> None:
    """Run one worker against PERSON_NATS_URL and PERSON_KAFKA_BOOTSTRAP, or the stack that `person up` runs here.

    \b
    Examples:
      person worker --data build/w3 --port 6070
      PERSON_NATS_URL=nats://nats:4222 PERSON_KAFKA_BOOTSTRAP=kafka:9092 person worker
      faust -A app worker            the same, without the checks before the start
    """
    from ops.worker import run

    raise SystemExit(run(_settings(False), data=data, port=port))


@main.command(cls=listing("Commands", lambda: (name.removeprefix("person.commands.") for name in ALL_COMMANDS)))
@click.argument("command")
@click.option("--person", "person_id", help="Person id; CreatePerson makes one when it is left out.")
@click.option("--target", help="Saga id or policy id, for commands on one; --person is then the person of the saga.")
@click.option("--data", default="{}", help="The command's data as JSON.")
@click.option("--name", help="Shorthand for data.name: the text is taken apart into given and family names.")
@click.option("--reason", help="Shorthand for data.reason.")
@click.option("--actor", default="user:cli", show_default=True, help="Who asks, as kind:id.")
@click.option("--id", "command_id", help="Command id; sending the same command twice under one id is harmless.")
@click.option("--expected-version", type=click.IntRange(0), help="Refuse unless the person has this version.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the outcome.")
@click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Seconds to wait for the outcome."
)
@as_json_option
def send(
    command: str,
    person_id: str | None,
    target: str | None,
    data: str,
    name: str | None,
    reason: str | None,
    actor: str,
    command_id: str | None,
    expected_version: int | None,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Send COMMAND and print its outcome. Exit code 1 when it was refused.

    COMMAND is one of the list below, with or without person.commands. in front. Every one but create needs --person, those on sagas
    (but saga.start) and policies need --target. docs/reference/commands.md has the fields and an example of each.

    \b
    Examples:
      person send create --name "Ada Lovelace"
      person send lifecycle.suspend --person ID --reason "on leave"
      person send component.add --person ID --data '{"component_type": "EmailAddress",
          "data": {"email": {"address": "ada@example.org"}}}'
    """
    try:
        body = json.loads(data)
    except ValueError as error:
        output.fail(output.EXIT_USAGE, f"--data is no JSON: {error}", as_json=as_json)
    if not isinstance(body, dict):
        output.fail(output.EXIT_USAGE, "--data must be a JSON object", as_json=as_json)
    full = command if command.startswith("person.commands.") else f"person.commands.{command}"
    fault = _usage_fault(full, person_id, target, command_id)
    for option, given in (("name", name), ("reason", reason)):
        if given is not None and option in body:
            fault = f"--{option} and {option} in --data are given; use one"
    if fault is not None:
        output.fail(output.EXIT_USAGE, fault, as_json=as_json)
    require_actor("--actor", actor, as_json=as_json)
    if name is not None:
        try:
            body["name"] = PersonName.parse(name).model_dump(mode="json", exclude_none=True)
        except ValidationError as error:
            rule = error.errors(include_input=False)[0]["type"]
            output.fail(
                output.EXIT_USAGE, f"--name: {rule}; docs/reference/values.md says what a name is", as_json=as_json
            )
    if reason is not None:
        body["reason"] = reason
    if full == CREATE:
        body.setdefault("source", "cli")
    message = CommandMessage(
        full, body, person_id, actor=actor, id=command_id, expected_version=expected_version, target=target
    )

    async def run(client: PersonClient) -> dict[str, Any]:
        if wait:
            return await client.send(message, timeout_s=timeout)
        sent, outcome = await client.publish(message)
        outcome.cancel()
        return {"command_id": sent, "status": "stored"}

    outcome = _with_client(run, as_json)
    good = outcome["status"] in ("accepted", "stored")
    if as_json:
        output.envelope("ok" if good else "refused", outcome, () if good else [_refusal(outcome)])
    else:
        output.text.print(_outcome_text(outcome), markup=False)
        if outcome.get("code") == "invalid_command":
            anchor = ALL_COMMANDS[full].name.lower()
            output.text.print(f"fields and an example: docs/reference/commands.md#{anchor}", markup=False)
    raise SystemExit(output.EXIT_OK if good else output.EXIT_FAILURE)


@main.command()
@click.argument("person_id")
@click.option("--as-of-sequence", type=click.IntRange(1), help="The person as it was after this event.")
@click.option("--min-position", help="PARTITION:SEQUENCE from an outcome: wait until it is visible.")
@as_json_option
def get(person_id: str, as_of_sequence: int | None, min_position: str | None, as_json: bool) -> None:
    """Print a person.

    \b
    Examples:
      person get 0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60
      person get ID --as-of-sequence 1 --json
    """
    require_id("PERSON_ID", person_id, as_json=as_json)
    request: dict[str, Any] = {"person_id": person_id}
    if as_of_sequence is not None:
        request["as_of_sequence"] = as_of_sequence
    if min_position is not None:
        partition, _, sequence = min_position.partition(":")
        if not (partition.isdigit() and sequence.isdigit()):
            output.fail(
                output.EXIT_USAGE, "--min-position has the form PARTITION:SEQUENCE, e.g. 3:1042", as_json=as_json
            )
        request["min_position"] = {"partition": int(partition), "stream_sequence": int(sequence)}
    answer = _with_client(lambda client: client.query("get_by_id", request), as_json)
    _print(answer, as_json)


@main.command()
@click.argument("person_id")
@click.option("--order", type=click.Choice(["asc", "desc"]), default="asc", show_default=True)
@click.option("--type", "types", multiple=True, help="Only events of this type; may be given several times.")
@as_json_option
def timeline(person_id: str, order: str, types: tuple[str, ...], as_json: bool) -> None:
    """Print what happened to a person.

    \b
    Examples:
      person timeline ID
      person timeline ID --type person.suspended --order desc
    """
    unknown = [name for name in types if name not in EVENTS]
    if unknown:
        known = ", ".join(sorted(EVENTS))
        output.fail(output.EXIT_USAGE, f"--type {unknown[0]!r} is no event type; there are: {known}", as_json=as_json)
    require_id("PERSON_ID", person_id, as_json=as_json)
    request = {"person_id": person_id, "order": order, "types": list(types)}
    answer = _with_client(lambda client: client.query("get_timeline", request), as_json)
    if as_json:
        output.envelope("ok", answer["data"])
        return
    several = len({entry["person_id"] for entry in answer["data"]}) > 1
    for entry in answer["data"]:
        whose = f"  of {entry['person_id']}" if several else ""
        output.text.print(
            f"{entry['sequence']:>5}  {entry['at']}  {entry['title']}  ({entry['actor']}){whose}", markup=False
        )


@main.command()
@click.argument("command_id")
@as_json_option
def outcome(command_id: str, as_json: bool) -> None:
    """Print the recorded outcome of a command.

    \b
    Example:
      person outcome 0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60
    """
    require_id("COMMAND_ID", command_id, as_json=as_json)
    answer = _with_client(lambda client: client.query("get_outcome", {"command_id": command_id}), as_json)
    if as_json:
        output.envelope("ok", answer["data"])
    else:
        output.text.print(_outcome_text(answer["data"]), markup=False)


@main.command()
@click.option("--check", is_flag=True, help="Only check the file, and the streams and topics that it names.")
@as_json_option
def routes(check: bool, as_json: bool) -> None:
    """List the routes of the bridge: lag, rate, who carries them and their last error.

    \b
    Examples:
      person routes
      person routes --check
    """
    from ops.routes import checked, listed, table

    try:
        if check:
            wrong = asyncio.run(checked(_settings(as_json)))
            if wrong:
                output.fail(output.EXIT_FAILURE, "\n".join(wrong), as_json=as_json)
            entries = []
        else:
            entries = asyncio.run(listed(_settings(as_json)))
    except RouteFileError as error:
        output.fail(output.EXIT_USAGE, str(error), as_json=as_json)
    except BridgeError as error:
        output.fail(output.EXIT_NATS, str(error), as_json=as_json)
    if as_json:
        output.envelope("ok", entries)
    else:
        output.text.print("\n".join(table(entries)) if not check else "the routes are in order", markup=False)


def _usage_fault(command: str, person_id: str | None, target: str | None, command_id: str | None) -> str | None:
    """What a user mistyped, in the words of the options; the rest is for the domain to refuse."""
    if command not in ALL_COMMANDS:
        names = ", ".join(sorted(name.removeprefix("person.commands.") for name in ALL_COMMANDS))
        return f"there is no command {command.removeprefix('person.commands.')!r}; there are: {names}"
    is_rule = command in RULE_COMMANDS
    if person_id is None and command != CREATE and not is_rule:
        return "--person is missing: every command but create is for a person that exists"
    if (target is not None) != (command in PROCESS_COMMANDS and command != START_SAGA):
        return "--target is for commands on a saga or a policy, and they need it; saga.start names none"
    if target is not None and not (is_policy_id(target) if is_rule else is_person_id(target)):
        return f"--target must be {'the name of a policy' if is_rule else 'the UUID of a saga'}"
    for option, given in (("--person", person_id), ("--id", command_id)):
        if given is not None and not is_person_id(given):
            return f"{option} must be a UUID in lower case with hyphens, neither nil nor max"
    return None


def _settings(as_json: bool) -> Settings:
    try:
        found = settings()
        found.check_access()
        return found
    except AccessSettingError as error:
        output.fail(output.EXIT_USAGE, f"setting {error}", as_json=as_json)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        output.fail(
            output.EXIT_USAGE, f"setting PERSON_{str(first['loc'][0]).upper()}: {first['msg']}", as_json=as_json
        )


def _with_client(ask: Any, as_json: bool) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        found = _settings(as_json)
        async with client_traces(found) as recorder, PersonClient(found.nats, recorder=recorder) as client:
            work: Coroutine[Any, Any, dict[str, Any]] = ask(client)
            return await work

    try:
        return asyncio.run(run())
    except TracesUnavailableError as error:
        output.fail(output.EXIT_USAGE, str(error), as_json=as_json)
    except QueryFailed as error:
        output.fail(output.EXIT_FAILURE, f"{error.code}: {error.reason}", as_json=as_json)
    except (ClientError, BridgeError) as error:
        output.fail(output.EXIT_NATS, str(error), as_json=as_json)


def _print(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.envelope("ok", answer["data"])
    else:
        output.text.print_json(data=answer["data"])


def _outcome_text(outcome: dict[str, Any]) -> str:
    lines = [f"{outcome['status']}  command {outcome.get('command_id', 'without a usable id')}"]
    version = f"  version {outcome.get('version')}"
    if outcome.get("person_id"):
        lines.append(f"person    {outcome['person_id']}{'' if outcome.get('target') else version}")
    if outcome.get("target"):
        lines.append(f"target    {outcome['target']}{version}")
    lines += [f"event     {event['sequence']:>4}  {event['type']}" for event in outcome.get("events", ())]
    if outcome.get("position"):
        position = outcome["position"]
        lines.append(f"position  {position['partition']}:{position['stream_sequence']}")
    if outcome.get("code"):
        lines.append(_refusal(outcome))
        facts = outcome.get("facts") if outcome["code"] != "invalid_command" else None
        lines += [f"  {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in (facts or {}).items()]
    return "\n".join(lines)


def _refusal(outcome: dict[str, Any]) -> str:
    return f"{outcome['code']}: {outcome.get('reason', '')}"


main.add_command(import_verb(_settings))
main.add_command(migrate_verb(_settings))
main.add_command(generations_group(_settings))
main.add_command(replay_verb(_settings))
main.add_command(dlq_group(_with_client))
main.add_command(policies_group(_with_client))
main.add_command(query_verb(_with_client, _settings))
main.add_command(sagas_group(_with_client))
main.add_command(trace_verb(_settings))
main.add_command(doctor_verb(_settings))
main.add_command(watch_verb(_settings))
main.add_command(neighbours_verb(_settings))
main.add_command(permissions_verb(_settings))
main.add_command(sweep_verb(_with_client, _settings))
main.add_command(contracts)
main.add_command(verify_verb(_settings))
main.add_command(backup_verb(_settings))
main.add_command(restore_verb(_settings))


if __name__ == "__main__":
    main()
