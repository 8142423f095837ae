"""How long a bulk import takes: name, e-mail address, phone number and employment of many persons, then the same file again.

Servers and two workers with all read models run on the same machine. Seconds are from the start of `person import` to its end.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import facts, load
from local.stack import Endpoints, Stack
from ops.up import start_team, stop_team

_COLUMNS: Final = ("number", "first", "last", "mail", "phone", "position", "since")
_MAPPING: Final = """
system = "bench"
key = "number"
person = { name = { given_names = "first", family_names = "last" } }
[[components]]
type = "EmailAddress"
data = { email.address = "mail" }
[[components]]
type = "PhoneNumber"
data = { phone.number = "phone" }
[[components]]
type = "Employment"
[components.data]
company = { constant = "Example Works" }
employment_type = { constant = "FullTime" }
position = "position"
start_date = "since"
"""


def measure(folder: Path, persons: int) -> dict[str, Any]:
    """Import on fresh servers; times in seconds."""
    rows, mapping = folder / "people.csv", folder / "people.toml"
    mapping.write_text(_MAPPING)
    _write(rows, persons)
    with Stack(folder / "stack") as stack:
        team = start_team(stack.endpoints, 2, folder)
        try:
            first = _import(rows, mapping, stack.endpoints)
            again = _import(rows, mapping, stack.endpoints)
        finally:
            stop_team(team)
    return {"persons": persons, "first": first, "again": again, "load": load(), "machine": facts()}


def _write(path: Path, persons: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for number in range(persons):
            name = "".join(chr(97 + number // 26**place % 26) for place in range(4))
            mail, phone = f"p{number}@example.org", f"+49 30 55{number:07}"
            writer.writerow((number, name.title(), "Beispiel", mail, phone, "Programmer", "2015-04-01"))


def _import(rows: Path, mapping: Path, servers: Endpoints) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", "import", "csv", str(rows), "--mapping", str(mapping), "--json"],
        env={**os.environ, "PERSON_NATS_URL": servers.nats_url},
        capture_output=True,
        check=True,
    )
    seconds = time.monotonic() - began
    report = json.loads(done.stdout)["data"]
    counts = {name: report[name] for name in ("created", "changed", "unchanged", "commands", "events")}
    refused = len(report["refused"]) + len(report["left_out"])
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return {"seconds": round(seconds, 1), "importer_processor_s": round(spent, 1), **counts, "refused": refused}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), arguments.persons), indent=2))


if __name__ == "__main__":
    main()
