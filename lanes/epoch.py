"""Epochs of producers: whoever asks last for a transactional id gets the highest epoch, and brokers refuse the ones before.

No transaction is ever opened. The id is only a name under which Kafka's transaction coordinator counts epochs (KIP-98,
InitProducerId)."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
    for_code,
)
from aiokafka.protocol.transaction import InitProducerIdRequest

logger = logging.getLogger(__name__)

BACKOFF_S = 0.1
TRANSACTION_TIMEOUT_MS = 60_000

_ANOTHER_TRY = (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)


class ProducerEpoch(NamedTuple):
    """The identity that a producer puts into its batches. A broker refuses batches of the same id with a lower epoch."""

    producer_id: int
    epoch: int


async def next_epoch(client: AIOKafkaClient, transactional_id: str) -> ProducerEpoch:
    """A new epoch of a transactional id. Waits while no coordinator answers; raises what another try cannot mend."""
    attempts = 0
    while True:
        try:
            return await _ask(client, transactional_id)
        except KafkaError as error:
            if not (error.retriable or isinstance(error, _ANOTHER_TRY)):
                raise
            if attempts % 50 == 0:
                logger.warning("no epoch for %s yet: %s", transactional_id, type(error).__name__)
        attempts += 1
        await client.force_metadata_update()
        await asyncio.sleep(BACKOFF_S)


async def _ask(client: AIOKafkaClient, transactional_id: str) -> ProducerEpoch:
    node = await client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
    request = InitProducerIdRequest(transactional_id, TRANSACTION_TIMEOUT_MS)
    answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
    error = for_code(answer.error_code)
    if answer.error_code:
        raise error(f"{transactional_id}: {error.__name__}")
    return ProducerEpoch(answer.producer_id, answer.producer_epoch)
