"""`python -m tests.failure.dying_worker`: a worker process that dies once at each point that is left in the folder `DYING_AT`."""

from __future__ import annotations

import sys

from config.settings import Settings
from ops.worker import run

if __name__ == "__main__":
    sys.exit(run(Settings(), application="tests.failure.dying_app"))
