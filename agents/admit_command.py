"""Routes person.commands into Kafka by person, or by policy; what cannot be routed is answered or dead-lettered, and the lane goes on."""

from __future__ import annotations

from nats.aio.client import Client

from agents.replies import REPLY_TO, announce
from bridge.dead_letters import DeadLetter, DeadLetters
from bridge.ingress import Destination, Router
from bridge.jetstream import Delivery
from config.streams import COMMANDS
from domain.command_address import command_address
from domain.outcomes import Outcome
from domain.partitions import partition_of
from domain.refusals import Refused

NAME = "admit_command"


def command_router(nc: Client, letters: DeadLetters, *, partitions: int, max_bytes: int) -> Router:
    """A router for the command stream."""

    async def route(delivery: Delivery) -> Destination | None:
        if len(delivery.data) > max_bytes:
            await refuse(delivery, None, "message", f"at most {max_bytes} bytes")
            return None
        address = command_address(delivery.data)
        if address.key is None:
            await refuse(delivery, address.command_id, address.field or "message", address.reason or "unusable")
            return None
        return Destination(partition_of(address.key, partitions), address.key.encode())

    async def refuse(delivery: Delivery, command_id: str | None, field: str, rule: str) -> None:
        reason = f"{field}: {rule}"
        await letters.store(
            DeadLetter(
                consumer=NAME,
                source=COMMANDS,
                sequence=delivery.stream_sequence,
                subject=delivery.subject,
                cause="undecodable",
                reason=reason,
                data=delivery.data,
            )
        )
        refused = Refused("invalid_command", reason, field=field, rule=rule)
        outcome = Outcome.refused(refused, command_id=command_id).to_bytes()
        reply_to = next((v for k, v in delivery.headers.items() if k.lower() == REPLY_TO), None)
        await announce(nc, command_id, reply_to, outcome)

    return route
