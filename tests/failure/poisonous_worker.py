"""`python -m tests.failure.poisonous_worker`: a worker process that runs the application with a defect in its fold."""

from __future__ import annotations

import sys

from config.settings import Settings
from ops.worker import run

if __name__ == "__main__":
    sys.exit(run(Settings(), application="tests.failure.poisonous_app"))
