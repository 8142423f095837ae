"""Whether a stream can be the target of an egress route: what it lacks is named, setting by setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nats.aio.client import Client

from bridge.egress_mapping import StreamLimits
from bridge.errors import StreamMismatchError
from bridge.jetstream import STREAM_NOT_FOUND, JetStreamError, api
from bridge.routes import EgressRoute
from bridge.subjects import covers, overlap


async def limits_of_target(nc: Client, route: EgressRoute) -> StreamLimits:
    """What the target takes; raises StreamMismatchError when the stream is missing or would break the guarantee of egress."""
    name = route.target.stream
    try:
        config = (await api(nc, f"STREAM.INFO.{name}"))["config"]
    except JetStreamError as error:
        if error.code != STREAM_NOT_FOUND:
            raise
        raise StreamMismatchError(
            f'route "{route.name}": stream {name} does not exist. Create it over the subjects {route.target.subject_filter} '
            f"and {route.checkpoint}.* with allow_atomic, allow_rollup_hdrs and allow_msg_ttl"
        ) from error
    lacking = list(_lacking(route, config))
    if lacking:
        raise StreamMismatchError(f'route "{route.name}": stream {name} cannot be its target: {"; ".join(lacking)}')
    max_size = int(config.get("max_msg_size") or -1)
    payload = nc.max_payload
    return StreamLimits(tuple(config.get("subjects") or ()), min(payload, max_size) if max_size > 0 else payload)


def _lacking(route: EgressRoute, config: Mapping[str, Any]) -> Iterator[str]:
    subjects = config.get("subjects") or []
    positions = f"{route.checkpoint}.*"
    if config.get("mirror"):
        yield "it is a mirror, which takes no messages"
    if config.get("sealed"):
        yield "it is sealed"
    if config.get("no_ack"):
        yield "no_ack must be off: nothing would be acknowledged"
    for setting in ("allow_atomic", "allow_rollup_hdrs", "allow_msg_ttl"):
        if not config.get(setting):
            yield f"{setting} must be on"
    if config.get("retention", "limits") != "limits":
        yield f"retention must be limits, not {config['retention']}: a position must not vanish because somebody read it"
    if config.get("persist_mode") == "async":
        yield "persist_mode must not be async: atomic batches need the default"
    bounded = [bound for bound in ("max_msgs", "max_bytes") if int(config.get(bound) or -1) > 0]
    if bounded and config.get("discard", "old") == "old":
        yield f"discard must be new while {' and '.join(bounded)} is set: the position of an idle partition could be dropped"
    if not any(covers(subject, positions) for subject in subjects):
        yield f"its subjects must hold the positions, {positions}"
    if not any(overlap(subject, route.target.subject_filter) for subject in subjects):
        yield f"its subjects hold no record, {route.target.subject_filter}"
    source = (config.get("subject_transform") or {}).get("src") or (">" if config.get("subject_transform") else "")
    if source and overlap(source, positions):
        yield f"subject_transform must leave {positions} alone"
