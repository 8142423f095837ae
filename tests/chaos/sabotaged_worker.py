"""`python -m tests.chaos.sabotaged_worker`: a worker process that runs the application without one of its guarantees."""

from __future__ import annotations

import sys

from config.settings import Settings
from ops.worker import run
from ops.workers import Worker


class SabotagedWorker(Worker):
    """A worker of the harness; `CHAOS_SABOTAGE` in its settings names what is taken away."""

    module = "tests.chaos.sabotaged_worker"


if __name__ == "__main__":
    sys.exit(run(Settings(), application="tests.chaos.sabotaged_app"))
