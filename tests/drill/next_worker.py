"""`python -m tests.drill.next_worker`: a worker of the next release."""

from __future__ import annotations

import sys

from config.settings import Settings
from ops.worker import run

if __name__ == "__main__":
    sys.exit(run(Settings(), application="tests.drill.next_app"))
