"""The checked syntax tree of a CEL expression, read from the serialised form in which the engine hands it out.

The form is the wire format of protobuf (``cel.expr.CheckedExpr``), of which a dozen fields matter here: too few for a dependency.
"""

from collections.abc import Iterable, Iterator
from struct import unpack
from typing import Any, Final, NamedTuple, TypeAlias


class Constant(NamedTuple):
    """A literal."""

    id: int
    value: bool | int | float | str | bytes | None


class Name(NamedTuple):
    """A variable."""

    id: int
    name: str


class Select(NamedTuple):
    """``operand.field``, or ``has(operand.field)`` when it only tests."""

    id: int
    operand: "Node"
    field: str
    tests: bool


class Call(NamedTuple):
    """A function or an operator; the target of a method comes first among the arguments."""

    id: int
    function: str
    arguments: tuple["Node", ...]


class ListOf(NamedTuple):
    """``[a, b]``."""

    id: int
    elements: tuple["Node", ...]


class MapOf(NamedTuple):
    """``{a: b}``, or a message when it has a name."""

    id: int
    message: str
    parts: tuple["Node", ...]


class Loop(NamedTuple):
    """What the macros all, exists, exists_one, map and filter become."""

    id: int
    variables: tuple[str, ...]
    items: "Node"
    result_name: str
    start: "Node"
    goes_on: "Node"
    step: "Node"
    result: "Node"


Node: TypeAlias = Constant | Name | Select | Call | ListOf | MapOf | Loop


class SyntaxTree(NamedTuple):
    """A whole expression, and where in the text its nodes stand: code points from the beginning, by node id."""

    root: Node
    positions: dict[int, int]


def read_tree(serialised: bytes) -> SyntaxTree:
    """The tree in what the engine serialises."""
    checked = _one(_fields(serialised), 2)
    members = list(_fields(checked))
    positions: dict[int, int] = {}
    for number, entry in _fields(_one(members, _SOURCE_INFO)):
        if number == _POSITIONS:
            pair = dict(_fields(entry))
            positions[pair.get(1, 0)] = pair.get(2, 0)
    return SyntaxTree(_node(_one(members, _EXPRESSION)), positions)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below one."""
    if isinstance(node, Select):
        return (node.operand,)
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, ListOf):
        return node.elements
    if isinstance(node, MapOf):
        return node.parts
    if isinstance(node, Loop):
        return (node.items, node.start, node.goes_on, node.step, node.result)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def path_of(node: Node) -> tuple[str, ...] | None:
    """The fields that a node reads one after the other, its variable first: ``event.data["days"]`` is event, data, days."""
    if isinstance(node, Name):
        return (node.name,)
    if isinstance(node, Select):
        before = path_of(node.operand)
        return None if before is None else (*before, node.field)
    if isinstance(node, Call) and node.function == "_[_]" and isinstance(node.arguments[1], Constant):
        before, key = path_of(node.arguments[0]), node.arguments[1].value
        return (*before, key) if before is not None and isinstance(key, str) else None
    return None


def paths(node: Node, bound: frozenset[str] = frozenset()) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """The longest path of every variable that no loop has bound, with its node."""
    path = path_of(node)
    if path is not None:
        if path[0] not in bound:
            yield node, path
        return
    if isinstance(node, Loop):
        yield from paths(node.items, bound)
        yield from paths(node.start, bound)
        inside = bound | {*node.variables, node.result_name}
        for child in (node.goes_on, node.step, node.result):
            yield from paths(child, inside)
        return
    for child in children(node):
        yield from paths(child, bound)


_EXPRESSION: Final = 4
_SOURCE_INFO: Final = 5
_POSITIONS: Final = 4
_ID: Final = 2
_SIGN: Final = 1 << 63


def _node(raw: bytes) -> Node:
    node_id, kind, body = 0, 0, b""
    for number, value in _fields(raw):
        if number == _ID:
            node_id = value
        else:
            kind, body = number, value
    return _KINDS[kind](node_id, body)


def _constant(node_id: int, body: bytes) -> Node:
    for number, value in _fields(body):
        if number == 1:
            return Constant(node_id, None)
        if number == 2:
            return Constant(node_id, bool(value))
        if number == 3:
            return Constant(node_id, value - (1 << 64) if value & _SIGN else value)
        if number == 5:
            return Constant(node_id, unpack("<d", value)[0])
        if number == 6:
            return Constant(node_id, value.decode())
        return Constant(node_id, value)
    return Constant(node_id, None)


def _name(node_id: int, body: bytes) -> Node:
    return Name(node_id, _one(_fields(body), 1).decode())


def _select(node_id: int, body: bytes) -> Node:
    members = dict(_fields(body))
    return Select(node_id, _node(members[1]), members[2].decode(), bool(members.get(3, 0)))


def _call(node_id: int, body: bytes) -> Node:
    target: list[Node] = []
    arguments: list[Node] = []
    function = ""
    for number, value in _fields(body):
        if number == 1:
            target.append(_node(value))
        elif number == 2:
            function = value.decode()
        else:
            arguments.append(_node(value))
    return Call(node_id, function, (*target, *arguments))


def _list(node_id: int, body: bytes) -> Node:
    return ListOf(node_id, tuple(_node(value) for number, value in _fields(body) if number == 1))


def _map(node_id: int, body: bytes) -> Node:
    message, parts = "", list[Node]()
    for number, value in _fields(body):
        if number == 1:
            message = value.decode()
        else:
            parts.extend(_node(part) for key, part in _fields(value) if key in (3, 4))
    return MapOf(node_id, message, tuple(parts))


def _loop(node_id: int, body: bytes) -> Node:
    members = dict(_fields(body))
    return Loop(
        node_id,
        tuple(members[number].decode() for number in (1, 8) if number in members),
        _node(members[2]),
        members[3].decode(),
        *(_node(members[number]) for number in (4, 5, 6, 7)),
    )


_KINDS: Final = {3: _constant, 4: _name, 5: _select, 6: _call, 7: _list, 8: _map, 9: _loop}


def _one(members: Iterable[tuple[int, Any]], number: int) -> Any:
    return next(value for key, value in members if key == number)


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    """Numbers and values of the members of a message, as they come."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(raw, at)
            yield key >> 3, value
            continue
        if wire == 2:
            size, at = _varint(raw, at)
        else:
            size = 8 if wire == 1 else 4
        yield key >> 3, raw[at : at + size]
        at += size


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
