"""A conversation: all messages of one correlation as trees of causes, and what is wrong with them (domain.md 16.9)."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from domain.envelope import MAX_DEPTH
from domain.views.portrait import Row

Kind = Literal["command", "event", "saga"]
Fault = Literal["missing_cause", "cycle", "too_deep"]


class Message(NamedTuple):
    """One message of a conversation. A root names itself as its cause; `time` is RFC 3339."""

    id: str
    kind: Kind
    type: str
    causation: str
    depth: int
    time: str
    person_id: str


def conversation(messages: Iterable[Message]) -> Row:
    """The messages as trees, causes first, and the faults by message id.

    A message whose cause is not among them is the top of a tree and told as ``missing_cause``; so is one message of each cycle, as ``cycle``.
    """
    found = {one.id: one for one in messages}
    effects: dict[str, list[Message]] = {}
    faults: list[tuple[str, Fault]] = [(one.id, "too_deep") for one in found.values() if one.depth > MAX_DEPTH]
    tops: list[Message] = []
    for one in sorted(found.values(), key=lambda one: (one.time, one.depth, one.id)):
        if one.causation == one.id:
            tops.append(one)
        elif one.causation in found:
            effects.setdefault(one.causation, []).append(one)
        else:
            faults.append((one.id, "missing_cause"))
            tops.append(one)
    reached: set[str] = set()
    trees = [_tree(top, effects, reached) for top in tops]
    for one in found.values():
        if one.id not in reached:
            faults.append((one.id, "cycle"))
            trees.append(_tree(one, effects, reached))
    return {"messages": [*trees], "faults": [{"id": id_, "fault": fault} for id_, fault in sorted(faults)]}


def _tree(top: Message, effects: Mapping[str, list[Message]], reached: set[str]) -> Row:
    """A message and all that follows from it; without recursion, because nobody bounds a chain of causes that is wrong."""
    root = _node(top)
    waiting: list[tuple[Message, Row]] = [(top, root)]
    reached.add(top.id)
    while waiting:
        message, node = waiting.pop()
        for effect in effects.get(message.id, ()):
            if effect.id in reached:
                continue
            reached.add(effect.id)
            below = _node(effect)
            children: Any = node["effects"]
            children.append(below)
            waiting.append((effect, below))
    return root


def _node(message: Message) -> Row:
    return {**message._asdict(), "effects": []}
