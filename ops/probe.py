"""`python -m ops.probe`: asks the worker of this environment whether it lives, for supervisors that run a command.

Exit code 0 when `/livez` answers with success, else 1. It imports nothing that takes time."""

from __future__ import annotations

import os
import sys
import urllib.request

TIMEOUT_S = 2.0


def main() -> int:
    """Ask once."""
    host, port = os.environ.get("PERSON_HTTP_HOST", "127.0.0.1"), os.environ.get("PERSON_HTTP_PORT", "6066")
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/livez", timeout=TIMEOUT_S) as reply:
            return 0 if reply.status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
