"""What is surely false of an event, told without the engine: most conditions begin by asking for one kind of component.

A condition is a conjunction, and in CEL a conjunction with a false part is false whatever its other parts come to, errors included."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from domain.policies.syntax_tree import Call, Constant, Node, path_of


class Guard(NamedTuple):
    """A part of a conjunction: a field of the payload is this text."""

    field: str
    text: str


def guards_of(condition: Node, variable: str) -> tuple[Guard, ...]:
    """The parts ``<variable>.data.<field> == "text"`` of a condition that is a conjunction, or that one part."""
    return tuple(_guards(condition, variable))


def exclude(guards: Sequence[Guard], payload: object) -> bool:
    """Whether a condition with these guards is false of a payload. What is not simply another text excludes nothing."""
    for field, text in guards:
        held = getattr(payload, field, None)
        if type(held) is str and held != text:
            return True
    return False


_AND: Final = "_&&_"
_EQUALS: Final = "_==_"


def _guards(node: Node, variable: str) -> Iterator[Guard]:
    if not isinstance(node, Call) or len(node.arguments) != 2:
        return
    first, second = node.arguments
    if node.function == _AND:
        yield from _guards(first, variable)
        yield from _guards(second, variable)
    elif node.function == _EQUALS:
        for read, literal in ((first, second), (second, first)):
            path = path_of(read)
            if (
                isinstance(literal, Constant)
                and isinstance(literal.value, str)
                and path is not None
                and path[:-1] == (variable, "data")
            ):
                yield Guard(path[-1], literal.value)
