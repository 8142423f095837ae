"""Spans of live subscriptions: one for each session, which is a subscription as long as one worker serves it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from opentelemetry.trace import SpanKind

from lanes.failure import stack_of
from tracing.message import span_id_of, trace_id_of
from tracing.recorder import SpanRecorder

logger = logging.getLogger(__name__)

UNHAPPY: Final = frozenset({"lagged", "disconnected", "failed"})
"""Endings that are errors."""


class EndedSession(Protocol):
    """A session that is over."""

    @property
    def subscription_id(self) -> str:
        """Whose session it was."""

    @property
    def projection(self) -> str:
        """The read model that was followed."""

    @property
    def began_ns(self) -> int:
        """In nanoseconds since the epoch."""

    @property
    def messages(self) -> int:
        """Messages that were sent."""

    @property
    def ending(self) -> str:
        """Why it is over, in a word."""


class Subscribing(Protocol):
    """What serves live subscriptions."""

    @property
    def on_session_over(self) -> list[Callable[[Any], None]]:
        """Each is told of a session, an `EndedSession`, that is over."""


def session_spans(recorder: SpanRecorder) -> Callable[[EndedSession], None]:
    """Writes the span of a session. All sessions of a subscription are in the trace that follows from its id."""

    def over(session: EndedSession) -> None:
        trace_id = trace_id_of(session.subscription_id)
        if not recorder.samples(trace_id, None):
            return
        try:
            recorder.write(
                f"subscription {session.projection}",
                SpanKind.PRODUCER,
                trace_id,
                span_id_of(f"{session.subscription_id}/{session.began_ns}", "session"),
                None,
                began_ns=session.began_ns,
                ended_ns=time.time_ns(),
                attributes={
                    "messaging.system": "nats",
                    "messaging.operation.name": "publish",
                    "messaging.operation.type": "send",
                    "messaging.destination.template": "person.live.{id}",
                    "messaging.batch.message_count": session.messages,
                    "person.subscription.id": session.subscription_id,
                    "person.subscription.ending": session.ending,
                },
                error=session.ending if session.ending in UNHAPPY else None,
            )
        except Exception as error:
            # The subscription is over all the same.
            logger.error("a subscription has no span: %s", stack_of(error))

    return over
