"""Announces outcomes: to everybody under the command id, and to the inbox that the sender named.

Guarantee: whatever a sender wrote into its headers, announcing never fails a lane; a reply goes to an inbox and to nothing else."""

from __future__ import annotations

import re

from nats.aio.client import Client

from domain.subjects import outcome_subject

REPLY_TO = "person-reply-to"
"""Header with the sender's inbox, lower case as it travels in Kafka."""

INBOX = re.compile(r"_INBOX(\.[A-Za-z0-9_-]{1,128}){1,8}")
"""Inboxes of NATS clients. Any other subject could make a worker write where the sender may not."""


async def announce(nc: Client, command_id: str | None, reply_to: str | None, message: bytes) -> None:
    """Publish an outcome; a reply address that is no inbox is passed over. Raises NatsError only for a lost connection."""
    if command_id is not None:
        await nc.publish(outcome_subject(command_id), message)
    if reply_to is not None and INBOX.fullmatch(reply_to):
        await nc.publish(reply_to, message)
