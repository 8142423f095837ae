"""Whether a user of NATS may do what its role needs, read from what the server tells the user about itself.

Guarantee: nothing is published to find it out; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bridge.subjects import covers, overlap
from ops.doctor.finding import Finding, good


def permission_findings(told: Mapping[str, Any], publish: Iterable[str], subscribe: Iterable[str]) -> Iterable[Finding]:
    """What a user lacks of the subjects that it must publish and subscribe. `told` is the answer of `$SYS.REQ.USER.INFO`."""
    permissions = told.get("permissions") or {}
    for act, needed in (("publish", publish), ("subscribe", subscribe)):
        granted = permissions.get(act) or {}
        lacking = [subject for subject in needed if not may(granted, subject)]
        check = f"permission to {act}"
        if lacking:
            yield Finding(
                check,
                "error",
                f"user {told.get('user', '?')} lacks {', '.join(lacking)}",
                f"whatever has to {act} there fails, and the server says so only in its log and that of the client",
                "give the user the permissions of its role: deploy/security/",
            )
        else:
            yield good(check, "what the role needs" if granted else "everything")


def may(granted: Mapping[str, Sequence[str]], subject: str) -> bool:
    """Whether every subject under a filter is allowed and none of it is denied. Without an `allow` everything is."""
    allow, deny = granted.get("allow"), granted.get("deny") or ()
    allowed = allow is None or any(covers(one.split(" ")[0], subject) for one in allow)
    return allowed and not any(overlap(one.split(" ")[0], subject) for one in deny)
