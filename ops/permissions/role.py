"""What a role may do at NATS, and how the two ways of configuring a server write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.subjects import overlap

Subjects = tuple[str, ...]


@dataclass(frozen=True)
class Role:
    """Subjects that a user of a role may publish and subscribe; what is denied wins, what is not named is denied.

    `name` is the token of the role's inbox and, for those who ask queries, of their subjects. `answers` lets it answer a message that
    it received, for as long as NATS allows by itself.
    """

    name: str
    about: str
    publish: Subjects
    subscribe: Subjects
    deny_publish: Subjects = ()
    answers: bool = False

    @property
    def inbox(self) -> str:
        """The prefix of the subjects on which it awaits answers: PERSON_NATS_INBOX_PREFIX of its users."""
        return inbox_of(self.name)

    @property
    def publish_whole(self) -> Subjects:
        """What it may publish without an exception."""
        return tuple(one for one in self.publish if not any(overlap(denied, one) for denied in self.deny_publish))

    def as_claims(self) -> dict[str, Any]:
        """The rights as the `nats` part of a user's JWT holds them."""
        claims: dict[str, Any] = {"pub": {"allow": [*self.publish]}, "sub": {"allow": [*self.subscribe]}}
        if self.deny_publish:
            claims["pub"]["deny"] = [*self.deny_publish]
        if self.answers:
            claims["resp"] = {"max": 1, "ttl": 120_000_000_000}
        return claims

    def as_configuration(self) -> str:
        """The rights as the inside of `permissions` in the configuration of nats-server."""
        lines = [
            f"# {self.about}",
            f"# Its users set PERSON_NATS_INBOX_PREFIX={self.inbox}.",
            "publish: {",
            *_listed("allow", self.publish),
        ]
        if self.deny_publish:
            lines += _listed("deny", self.deny_publish)
        lines += ["}", "subscribe: {", *_listed("allow", self.subscribe), "}"]
        if self.answers:
            lines.append('allow_responses: { max: 1, expires: "2m" }')
        return "\n".join([*lines, ""])


def inbox_of(name: str) -> str:
    """An inbox prefix that no other role shares."""
    return f"_INBOX.{name}"


def _listed(key: str, subjects: Sequence[str]) -> list[str]:
    return [f"  {key}: [", *(f'    "{subject}"' for subject in subjects), "  ]"]
