"""Open links of persons to what other domains own: (kind, foreign id), as they stand in a state and as keys of queries."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from domain.values.rules import fold

LinkKind = Literal["identity", "organization", "location", "agent", "git"]
LINK_KINDS: Final[tuple[LinkKind, ...]] = get_args(LinkKind)
MAX_KEY: Final = 400


class Link(NamedTuple):
    """What a person is linked with. A git account is `<provider>/<username>`, compared without regard to case."""

    kind: LinkKind
    foreign_id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.foreign_id}"


def git_link(provider: str, username: str) -> Link:
    """The link of a Git profile."""
    return Link("git", f"{provider}/{fold(username)}")


def parse_link(key: str) -> Link:
    """The link that a key `<kind>:<foreign id>` names. Raises ValueError for any other text."""
    kind, found, foreign_id = key.partition(":")
    if kind not in LINK_KINDS or not found or not foreign_id.strip() or len(key) > MAX_KEY:
        raise ValueError(f"a key of links is <kind>:<foreign id>, the kind one of {', '.join(LINK_KINDS)}")
    if kind == "git":
        provider, _, username = foreign_id.partition("/")
        return git_link(provider, username)
    return Link(kind, foreign_id)


def links_in(state: Mapping[str, Any]) -> Iterator[Link]:
    """The open links in the stored form of a state, each at least once. What cannot be read as text is passed over."""
    for identity_id in state.get("identities", ()):
        yield Link("identity", identity_id)
    for employment in state.get("employments", {}).values():
        if "end_date" not in employment and isinstance(employment["organization_id"], str):
            yield Link("organization", employment["organization_id"])
    for location in state.get("locations", {}).values():
        yield Link("location", location["location_id"])
    for agent_id in state.get("agents", ()):
        yield Link("agent", agent_id)
    for component in state.get("components", {}).values():
        if component["component_type"] == "GitProfile":
            profile = component.get("data") or {}
            provider, username = profile.get("provider"), profile.get("username")
            if isinstance(provider, str) and isinstance(username, str):
                yield git_link(provider, username)
