"""`make audit`: looks for known vulnerabilities of the locked requirements, where a database of them can be reached.

Without one nothing is audited; that is said aloud and is no failure, so that a build needs no network. `--require` makes it one.
Exit codes: 0 nothing found or no database, 1 something found, 2 the audit itself failed."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATABASE = "https://api.osv.dev/v1/query"
REACHED_WITHIN_S = 10.0
AUDITED_WITHIN_S = 600.0
KNOWN = {"package": {"ecosystem": "PyPI", "name": "pip"}, "version": "1.0"}


def main(arguments: list[str] | None = None) -> int:
    """Audit, and say what was found."""
    options = _options(arguments)
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
    return 1 if found else 0


def _why_absent(database: str) -> str | None:
    asked = urllib.request.Request(
        database, json.dumps(KNOWN).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(asked, timeout=REACHED_WITHIN_S) as answer:
            json.load(answer)
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
