"""Runs the embedded stack in the foreground until Ctrl-C or SIGTERM and prints where it is found."""

import argparse
import signal
import sys
import time
from pathlib import Path

from local.errors import StackError
from local.stack import Stack

_CHECK_EVERY = 0.5


def main() -> int:
    """Run the stack; exit code 0 when it was asked to end, 1 with one line on stderr otherwise."""
    options = _options()
    # A stop by a supervisor takes the way of Ctrl-C, also in the middle of the start.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Stack(options.data, nats_port=options.nats_port, kafka_port=options.kafka_port, progress=_say) as stack:
            found = stack.endpoints
            _say(f"NATS    {found.nats_url}  (monitor {found.nats_monitor_url})")
            _say(f"Kafka   {found.kafka_bootstrap}")
            _say("Ctrl-C stops both")
            while True:
                time.sleep(_CHECK_EVERY)
                stack.check()
    except KeyboardInterrupt:
        _say("stopped")
        return 0
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of all data, created when missing")
    parser.add_argument("--nats-port", type=int, help="default: the last one, else a free one")
    parser.add_argument("--kafka-port", type=int, help="default: the last one, else a free one")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
