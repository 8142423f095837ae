"""`python -m tests.failure.poisonous_worker`: a worker process that runs the application with a defect in its fold."""

from __future__ import annotations

import sys

from ops.installation import settings
from ops.worker import run

if __name__ == "__main__":
    sys.exit(run(settings(), application="tests.failure.poisonous_app"))
