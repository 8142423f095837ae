"""Under which subjects queries are asked: without a name, or with one that the permissions of NATS let a user take.

The server refuses to publish where a user has no permission, so the name in a subject is as good as the login behind it."""

from __future__ import annotations

import re
from typing import Final

from agents.replies import INBOX
from connections.nats_servers import PRINCIPAL
from queries.authorisation.port import ANONYMOUS

QUERIES: Final = "person.queries"
NAMED_QUERIES: Final = "person.as.*.queries"
"""Where workers listen for questions with a name in the third token."""
REPLY_SUBJECT: Final = re.compile(rf"{INBOX.pattern}|_R_(\.[A-Za-z0-9_-]{{1,128}}){{1,4}}")
"""Reply subjects that get an answer: inboxes, and what NATS puts in their place between two accounts. On any other subject a worker may be
allowed to publish where the one who asks is not."""
STANDBY: Final = "person.standby"
"""How the subjects begin on which a generation that stands by answers; those of clients follow behind its name."""
INVALID: Final = "(invalid)"
"""Stands in records for a name that is none."""


def queries_of(principal: str | None) -> str:
    """How the subjects of a principal's queries begin; without a name those of everybody."""
    return QUERIES if principal is None else f"person.as.{principal}.queries"


def standby_queries(generation: str) -> tuple[str, str]:
    """Where the workers of a generation listen while it stands by: questions without a name, and with one."""
    prefix = f"{STANDBY}.{generation or 'first'}"
    return f"{prefix}.queries", f"{prefix}.as.*.queries"


def standby_queries_of(generation: str, principal: str | None) -> str:
    """How the subjects of a principal's queries to a generation that stands by begin."""
    anonymous, named = standby_queries(generation)
    return anonymous if principal is None else named.replace("*", principal)


def named(who: str) -> str | None:
    """The principal that `principal_in` found, None for nobody's name."""
    return None if who in (ANONYMOUS, INVALID) else who


def principal_in(subject: str) -> str:
    """Who asks on a subject of one of both forms."""
    tokens = subject.split(".")
    if subject.startswith(f"{STANDBY}."):
        del tokens[1:3]
    if tokens[1] != "as":
        return ANONYMOUS
    named = tokens[2]
    # A user that may publish everywhere could otherwise call itself nobody, or write anything into the record.
    return named if PRINCIPAL.fullmatch(named) and named != ANONYMOUS else INVALID
