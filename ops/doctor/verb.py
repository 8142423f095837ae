"""`person doctor`: prints what the checks find, and ends with 1 when one of them is an error."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import click

from config.settings import Settings
from ops import output
from ops.doctor.finding import Finding
from ops.doctor.profile import Profile
from ops.options import as_json_option

WORDS = {"ok": "ok     ", "info": "info   ", "warning": "WARNING", "error": "ERROR  "}


def doctor_verb(settings: Callable[[bool], Settings]) -> click.Command:
    """The verb; `settings` reads them, or ends the process with the one that is wrong."""

    @click.command()
    @click.option(
        "--profile",
        default="development",
        show_default=True,
        type=click.Choice(["development", "production"]),
        help="production: three replicas, two in sync, synced before acknowledged, encrypted, with logins.",
    )
    @click.option(
        "--nats-monitor",
        "monitors",
        multiple=True,
        help="Address of a server's monitor, http://HOST:8222; once per server. Clients are not told whether it syncs.",
    )
    @click.option("--problems", is_flag=True, help="Only what is not in order.")
    @as_json_option
    def doctor(profile: Profile, monitors: tuple[str, ...], problems: bool, as_json: bool) -> None:
        """Check settings, servers, streams, topics, groups, workers, clocks, permissions and disk; each finding says what to do.

        A warning works, yet somebody should look; an error does not work, or loses what it promises. Nothing is changed.
        Exit code 1 when there is an error.

        \b
        Examples:
          person doctor
          person doctor --problems
          person doctor --profile production --nats-monitor http://nats-1:8222 --nats-monitor http://nats-2:8222
        """
        from ops.doctor.examination import examine  # clients that other verbs do not need

        for monitor in monitors:
            address = urlsplit(monitor)
            if address.scheme not in ("http", "https") or not address.hostname:
                line = f"--nats-monitor {monitor}: must be an address of the form http://HOST:PORT"
                output.fail(output.EXIT_USAGE, line, as_json=as_json)
        findings = asyncio.run(examine(settings(as_json), profile=profile, monitors=monitors))
        failed = any(finding.severity == "error" for finding in findings)
        shown = [finding for finding in findings if not (problems and finding.ok)]
        if as_json:
            wrong = [f"{finding.check}: {finding.found}" for finding in shown if finding.severity == "error"]
            output.envelope("failed" if failed else "ok", [finding.told() for finding in shown], wrong)
        else:
            _print(shown, findings)
        raise SystemExit(output.EXIT_FAILURE if failed else output.EXIT_OK)

    return doctor


def _print(shown: Sequence[Finding], findings: Sequence[Finding]) -> None:
    for finding in shown:
        output.text.print(f"{WORDS[finding.severity]}  {finding.check}: {finding.found}", markup=False)
        for line in (finding.means, finding.advice):
            if line:
                output.text.print(f"         {line}", markup=False)
    counted = Counter(finding.severity for finding in findings)
    output.text.print(f"{len(findings)} checks: {counted['error']} errors, {counted['warning']} warnings", markup=False)
