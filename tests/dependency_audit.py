"""`make audit`: looks for known vulnerabilities of the locked requirements, of nats-server and of the jars of Kafka, where a database of
them can be reached. Versions and sums of the programs are told in any case, and a file that does not have its sum is a failure.

Without a database nothing is audited; that is said aloud and is no failure, so that a build needs no network. `--require` makes it one.
Exit codes: 0 nothing found or no database, 1 something found, 2 the audit itself failed."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.audited_programs import Program, programs

ROOT = Path(__file__).parents[1]
DATABASE = "https://api.osv.dev/v1/query"
REACHED_WITHIN_S = 10.0
AUDITED_WITHIN_S = 600.0
KNOWN = {"package": {"ecosystem": "PyPI", "name": "pip"}, "version": "1.0"}


def main(arguments: list[str] | None = None) -> int:
    """Audit, and say what was found."""
    options = _options(arguments)
    known = programs()
    if altered := _tell(known):
        return altered
    absent = _why_absent(options.database)
    if absent:
        _say(f"NOT AUDITED: no database of vulnerabilities at {options.database} ({absent}).")
        _say("Run `make audit` again where it can be reached.")
        return 1 if options.require else 0
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"),
            *("--vulnerability-service", "osv", "--osv-url", options.database),
            *("--disable-pip", "--require-hashes", "--requirement", str(options.requirements)),
        ],
        capture_output=True,
        text=True,
        timeout=AUDITED_WITHIN_S,
        check=False,
    )
    try:
        audited = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        _say(f"the audit failed: {ran.stderr.strip().splitlines()[-1:]}")
        return 2
    found = [(one["name"], one["version"], vulnerability) for one in audited for vulnerability in one.get("vulns", ())]
    for name, version, vulnerability in found:
        repaired = ", ".join(vulnerability["fix_versions"]) or "no version yet"
        _say(f"{name} {version}: {vulnerability['id']}, repaired by {repaired}")
    _say(f"{len(audited)} requirements audited, {len(found)} known vulnerabilities")
    try:
        of_programs = sum(_tell_vulnerabilities(options.database, one) for one in known)
    except (OSError, ValueError, KeyError) as error:
        _say(f"the audit of programs failed: {type(error).__name__}")
        return 2
    _say(f"{len(known)} programs audited, {of_programs} known vulnerabilities")
    return 1 if found or of_programs else 0


def _tell(known: Sequence[Program]) -> int:
    """Versions and sums; 1 when a file is another one than the lock says."""
    for one in known:
        _say(f"{one.ecosystem} {one.name} {one.version} sha256:{one.sha256}")
    altered = [one.name for one in known if one.is_here is False]
    for name in altered:
        _say(
            f"{name}: the file on this machine has another sum. Do not use it: delete the cache of jars and start again."
        )
    absent = sum(one.is_here is None for one in known)
    if absent:
        _say(f"{absent} jars are not on this machine; their sums are those of the lock.")
    return 1 if altered else 0


def _tell_vulnerabilities(database: str, program: Program) -> int:
    package = {"ecosystem": program.ecosystem, "name": program.name}
    found = _asked(database, {"package": package, "version": program.version}).get("vulns", ())
    for one in found:
        repaired = ", ".join(sorted(set(_repaired(one, program.name)))) or "no version yet"
        _say(f"{program.name} {program.version}: {one['id']}, repaired by {repaired}")
    return len(found)


def _repaired(vulnerability: Mapping[str, Any], name: str) -> Iterator[str]:
    affected: Iterable[Mapping[str, Any]] = vulnerability.get("affected", ())
    for one in affected:
        if one.get("package", {}).get("name") == name:
            for ranges in one.get("ranges", ()):
                yield from (event["fixed"] for event in ranges.get("events", ()) if "fixed" in event)


def _asked(database: str, question: Mapping[str, Any]) -> dict[str, Any]:
    asked = urllib.request.Request(
        database, json.dumps(question).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(asked, timeout=REACHED_WITHIN_S) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _why_absent(database: str) -> str | None:
    try:
        _asked(database, KNOWN)
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    return None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.dependency_audit", description=__doc__)
    parser.add_argument("--requirements", type=Path, default=ROOT / "requirements" / "locked.txt")
    parser.add_argument("--database", default=DATABASE, help="address of an OSV database")
    parser.add_argument("--require", action="store_true", help="fail without a database")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
