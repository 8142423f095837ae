"""`python -m tests.generations.next_worker`: a worker process of a later release."""

from __future__ import annotations

import sys

from config.settings import Settings
from ops.worker import run

if __name__ == "__main__":
    sys.exit(run(Settings(), application="tests.generations.next_app"))
