"""`person dlq`: what could not be handled, whatever route it came on, and what an operator can do to it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import click

from ops.client import PersonClient
from ops.dlq.acting import add_acting
from ops.dlq.editing import add_editing
from ops.dlq.looking import add_looking

WithClient = Callable[[Callable[[PersonClient], Coroutine[Any, Any, Any]], bool], Any]


def dlq_group(with_client: WithClient) -> click.Group:
    """The verbs; they ask through `with_client`."""

    @click.group()
    def dlq() -> None:
        """Dead letters: persons and sagas that are parked, and messages that were passed over.

        \b
        Examples:
          person dlq stats
          person dlq list
          person dlq redrive --agent fold_persons      after the code was fixed
        """

    add_looking(dlq, with_client)
    add_editing(dlq, with_client)
    add_acting(dlq, with_client)
    return dlq
