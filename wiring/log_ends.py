"""Where the logs of the lanes' topics end, as the consumer saw it last, and how much a worker has left of them."""

from __future__ import annotations

import time

from lanes.app import LaneApp
from queries.status.health import Lag
from queries.status.sections import lag_of, measured, together


class LogEnds:
    """Asks the consumer of an application, which keeps what brokers tell it."""

    def __init__(self, app: LaneApp) -> None:
        self._app = app

    def end_of_log(self, topic: str, partition: int) -> int | None:
        """Where the log of a partition ended; None when that is not known."""
        end: int | None = self._app.consumer.end_of_log(topic, partition)
        return end

    def lag(self) -> Lag:
        """What waits for all lanes of this worker."""
        return together(lag_of(measured(self._app.lanes.lanes(), self.end_of_log), time.time()).values())
