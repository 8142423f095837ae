"""Runs the simulated neighbours in the foreground until Ctrl-C or SIGTERM: `python -m local.neighbours --nats-url …`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from local.errors import StackError
from local.neighbours.faults import Behaviour, read_behaviour
from local.neighbours.running import run_until_asked


def main() -> int:
    """Exit code 0 when asked to end, 1 with one line on stderr otherwise."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        behaviour = read_behaviour(options.config) if options.config else Behaviour()
        asyncio.run(run_until_asked(options.nats_url, behaviour, _say))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.neighbours", description=__doc__)
    parser.add_argument("--nats-url", required=True, help="where NATS answers")
    parser.add_argument("--config", type=Path, help="file of faults; without it every command is answered at once")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
