"""`person generations`: build, look at, compare, switch, roll back and drop generations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from agents.generations import read_register
from bridge.connection import connected
from bridge.errors import BridgeError
from config.settings import Settings
from ops import output
from ops.client import ClientError, QueryFailed
from ops.generations.errors import GenerationError
from ops.generations.naming import named, shown
from ops.option_rules import require_actor
from ops.options import as_json_option
from ops.verify.partition import CHECKS
from ops.verify.run import Wanted

T = TypeVar("T")
SettingsOf = Callable[[bool], Settings]

actor_option = click.option(
    "--actor", default="user:cli", show_default=True, help="Who does it, as kind:id; it is recorded."
)
timeout_option = click.option(
    "--timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Seconds after which a switch is taken back.",
)

leave_parked_option = click.option(
    "--leave-parked",
    is_flag=True,
    help="Switch although persons are parked in the generation that serves; what waits for them never has effects.",
)


def generations_group(settings: SettingsOf) -> click.Group:
    """The verbs; `settings` are those of any generation of the installation."""

    @click.group()
    def generations() -> None:
        """Build all tables anew beside the serving ones, compare them, and let them take over.

        A new generation reads every event with the code that its workers run, into as many partitions as it is given.
        The first generation is called `first`.

        \b
        Examples:
          person generations build green --partitions 8
          person generations status
          person generations compare green
          person generations switch green
          person generations rollback
        """

    @generations.command()
    @click.argument("name")
    @click.option(
        "--partitions", type=click.IntRange(1, 1024), help="Partitions of its tables; those of the streams if left out."
    )
    @actor_option
    @as_json_option
    def build(name: str, partitions: int | None, actor: str, as_json: bool) -> None:
        """Declare generation NAME and say how its workers are started; they build it.

        \b
        Examples:
          person generations build green
          person generations build eight --partitions 8
        """
        from ops.generations.declaring import declare, environment_of

        require_actor("--actor", actor, as_json=as_json)
        own = settings(as_json)
        count = partitions or own.stored_partitions
        held = _run(own, lambda nc: declare(nc, own, name, count, by=actor), as_json)
        environment = environment_of(own, held.register.generations[name])
        data = {"name": name, "partitions": count, "environment": environment}
        line = " ".join(f"{key}={value}" for key, value in environment.items())
        text = (
            f"generation {name} is declared with {count} partitions. Start workers that build it, each with a folder and a port of its own:\n"
            f"  {line} person worker --data build/{name}-1 --port 6071"
        )
        _tell(data, text, as_json)

    @generations.command()
    @click.option("--over", default=1.0, show_default=True, type=click.FloatRange(0.1), help="Seconds for the rates.")
    @as_json_option
    def status(over: float, as_json: bool) -> None:
        """Which generations there are, which one serves, what they lack, and when that will be done.

        \b
        Examples:
          person generations status
          person generations status --over 10 --json
        """
        from ops.generations.progress import progress

        own = settings(as_json)

        async def look(nc: Client) -> tuple[list[Any], Any]:
            return await progress(nc, own, over_s=over), (await read_register(nc, own.installation)).register

        told, register = _run(own, look, as_json)
        data = {
            "serving": shown(register.serving),
            "phase": register.phase,
            "following": None if register.following is None else shown(register.following),
            "generations": [one.as_data() for one in told],
            "switches": [one.model_dump() for one in register.switches],
        }
        lines = [_line(one.as_data()) for one in told] or [
            "there is the first generation only; build another with `person generations build NAME`"
        ]
        _tell(data, "\n".join(lines), as_json)

    @generations.command()
    @click.argument("name")
    @click.option(
        "--check",
        "checks",
        multiple=True,
        type=click.Choice(CHECKS),
        help="Only this check of `person verify`; may be given several times.",
    )
    @click.option("--rate", type=click.FloatRange(1), help="Messages, records and rows a second at most.")
    @as_json_option
    def compare(name: str, checks: tuple[str, ...], rate: float | None, as_json: bool) -> None:
        """Compare the tables of generation NAME with an independent fold of the streams. Exit code 1 when something differs.

        \b
        Examples:
          person generations compare green
          person generations compare first --check tables --rate 2000
        """
        from ops.generations.comparing import compare as run

        own = settings(as_json)
        wanted = Wanted(checks=frozenset(checks or CHECKS), rate=rate)
        say = None if as_json else lambda line: output.errors.print(line, markup=False)
        report = _run(own, lambda nc: run(nc, own, named(name), wanted, say=say), as_json)
        if as_json:
            output.envelope("ok" if report.clean else "failed", report.as_data(values=False))
        else:
            output.text.print(report.as_text(values=False), markup=False)
        raise SystemExit(output.EXIT_OK if report.clean else output.EXIT_FAILURE)

    @generations.command()
    @click.argument("name")
    @actor_option
    @timeout_option
    @leave_parked_option
    @as_json_option
    def switch(name: str, actor: str, timeout: float, leave_parked: bool, as_json: bool) -> None:
        """Let generation NAME serve. Commands wait for the length of the switch, queries do not; the other one goes on folding.

        Nobody may be parked in the generation that serves: what waits for them has had no effects, and the next generation causes none
        of events before the switch. A switch that does not get done in time is taken back. One that was cut off is finished by the same verb, or taken
        back by naming the generation that serves.

        \b
        Examples:
          person generations switch green
          person generations switch green --timeout 120 --json
        """
        _switch(settings(as_json), named(name), actor, timeout, leave_parked, as_json)

    @generations.command()
    @actor_option
    @timeout_option
    @leave_parked_option
    @as_json_option
    def rollback(actor: str, timeout: float, leave_parked: bool, as_json: bool) -> None:
        """Let the generation serve again that served before.

        \b
        Example:
          person generations rollback
        """
        _switch(settings(as_json), None, actor, timeout, leave_parked, as_json)

    @generations.command()
    @click.argument("name")
    @click.option("--yes", is_flag=True, help="Do not ask; there is no way back.")
    @as_json_option
    def drop(name: str, yes: bool, as_json: bool) -> None:
        """Remove the consumers and topics of a generation that neither serves nor has workers.

        \b
        Example:
          person generations drop green --yes
        """
        from ops.generations.dropping import drop as run

        own = settings(as_json)
        if not yes:
            if as_json:
                output.fail(output.EXIT_USAGE, "--yes is missing: with --json nobody is asked", as_json=True)
            click.confirm(f"Remove everything that generation {name} has on the servers?", abort=True)
        data = _run(own, lambda nc: run(nc, own, named(name)), as_json)
        text = f"removed {data['consumers']} consumers and {data['topics']} topics; the data folders of its workers are left"
        _tell(data, text, as_json)

    return generations


def _switch(
    settings: Settings, to: str | None, actor: str, timeout_s: float, leave_parked: bool, as_json: bool
) -> None:
    from ops.generations.switching import Switched, before, switch

    require_actor("--actor", actor, as_json=as_json)

    def say(line: str) -> None:
        if not as_json:
            output.text.print(line, markup=False)

    async def run(nc: Client) -> Switched:
        target = before((await read_register(nc, settings.installation)).register) if to is None else to
        return await switch(nc, settings, target, by=actor, timeout_s=timeout_s, say=say, leave_parked=leave_parked)

    done = _run(settings, run, as_json)
    text = f"generation {shown(done.came_to)} serves; commands waited for {done.pause_s:.2f} s"
    _tell(done.as_data(), text, as_json)


def _run(settings: Settings, work: Callable[[Client], Awaitable[T]], as_json: bool) -> T:
    async def done() -> T:
        async with connected(settings.nats, name="person generations") as nc:
            return await work(nc)

    try:
        return asyncio.run(done())
    except GenerationError as error:
        output.fail(output.EXIT_FAILURE, str(error), as_json=as_json)
    except QueryFailed as error:
        output.fail(output.EXIT_FAILURE, f"{error.code}: {error.reason}", as_json=as_json)
    except KafkaError as error:
        output.fail(output.EXIT_KAFKA, f"Kafka did not answer ({type(error).__name__})", as_json=as_json)
    except (BridgeError, ClientError, NatsError, TimeoutError) as error:
        output.fail(output.EXIT_NATS, str(error) or f"NATS did not answer ({type(error).__name__})", as_json=as_json)


def _tell(data: Any, text: str, as_json: bool) -> None:
    if as_json:
        output.envelope("ok", data)
    else:
        output.text.print(text, markup=False)


def _line(one: dict[str, Any]) -> str:
    eta = (
        "level" if not one["lacks"] else "no end in sight" if one["eta_s"] is None else f"done in {one['eta_s']:.0f} s"
    )
    silent = f", nobody serves partitions {one['silent']}" if one["silent"] else ""
    return (
        f"{one['name']:<12} {one['role']:<20} {one['partitions']:>4} partitions  lacks {one['lacks']} events, "
        f"{one['lag_s']:.0f} s, {one['per_second']:.0f}/s, {eta}{silent}"
    )
