"""Gives the published access rules to a Kafka broker, over the protocol, because the tool of Kafka is in no package here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from connections.kafka_cluster import KafkaCluster

RESOURCES = {"topic": 2, "group": 3, "transactional-id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Describe": 8, "DescribeConfigs": 10}
LITERAL, PREFIXED = 3, 4
ALLOW = 3


class _CreateAcls(CreateAclsRequest):  # type: ignore[misc]  # aiokafka has no types
    """Many rules in one request; aiokafka's own takes one."""

    def __init__(self, rules: Sequence[tuple[Any, ...]]) -> None:
        self._rules = list(rules)

    def build(self, request_struct_class: Any) -> Any:
        assert request_struct_class.API_VERSION >= 1
        return request_struct_class(self._rules)


async def add_rules(admin: KafkaCluster, script: str, principals: Mapping[str, str]) -> int:
    """Add what the published script adds; `principals` by its variables. Returns how many rules those are."""
    rules = [
        (
            RESOURCES[resource],
            name,
            PREFIXED if prefixed else LITERAL,
            principals[role],
            "*",
            OPERATIONS[operation],
            ALLOW,
        )
        for role, operations, resource, name, prefixed in re.findall(
            r'^add "\$(\w+)" ((?:--operation \w+ ?)+)--([a-z-]+) (\S+)( --resource-pattern-type prefixed)?$',
            script,
            re.MULTILINE,
        )
        for operation in re.findall(r"--operation (\w+)", operations)
    ]
    client = AIOKafkaAdminClient(**admin.client_options())
    await client.start()
    try:
        answer = await client._send_request(_CreateAcls(rules))
        assert all(code == 0 for code, _ in answer.creation_responses), answer
    finally:
        await client.close()
    return len(rules)
