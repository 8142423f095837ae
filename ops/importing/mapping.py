"""The mapping file of a CSV import: which column fills which field. It is checked as a whole before a row is read."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import JsonValue, ValidationError

from domain.components.catalogue import COMPONENT_TYPES
from domain.model import Frozen
from domain.values.person_name import PersonName
from domain.values.phone import PhoneNumber
from ops.importing.cells import Cell, Row
from ops.importing.plan import ImportSourceError

Tree = dict[str, "Cell | Tree"]
_PERSON_FIELDS: Final = ("name", "birth_date", "active")
_FILE_FIELDS: Final = ("system", "key", "delimiter", "encoding", "person", "components")
_COMPONENT_FIELDS: Final = ("type", "slot", "primary", "for_each", "data")
_BESIDE: Final[dict[type[Frozen], tuple[str, ...]]] = {PhoneNumber: ("country_calling_code",)}
_ONE_ORIGIN: Final = "give a column name, or a table with column, item or constant"
_ORIGINS: Final = frozenset({"column", "item", "constant"})


@dataclass(frozen=True)
class ComponentMapping:
    """One component of a person, or one for each item of a list."""

    type: str
    slot: str
    primary: bool
    for_each: Cell | None
    data: Tree


@dataclass(frozen=True)
class CsvMapping:
    """A whole mapping file. The values of the `key` columns name a person for ever, within the `system`."""

    system: str
    key: tuple[str, ...]
    delimiter: str
    encoding: str
    person: Tree
    components: tuple[ComponentMapping, ...]

    def columns(self) -> list[str]:
        """Every column that is read."""
        cells = [*cells_of(self.person)]
        for component in self.components:
            cells += [*cells_of(component.data), *([component.for_each] if component.for_each else [])]
        return list(dict.fromkeys((*self.key, *(cell.column for cell in cells if cell.column is not None))))


def read_mapping(path: Path) -> CsvMapping:
    """The mapping in a TOML file. Raises ImportSourceError, which names the place and what is wrong there."""
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise ImportSourceError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImportSourceError(f"{path}: not a TOML file: {error}") from error
    try:
        return _mapping(document)
    except _WrongError as error:
        raise ImportSourceError(f"{path}: {error}") from error


def filled(tree: Tree, row: Row, item: str | None = None) -> dict[str, Any] | None:
    """The values of the fields; None when every column that could fill one is blank. Raises UnreadableCellError."""
    values: dict[str, Any] = {}
    has_source = says_something = False
    for name, part in tree.items():
        value = filled(part, row, item) if isinstance(part, dict) else part.read(row, item)
        from_source = isinstance(part, dict) or part.constant is None
        has_source = has_source or from_source
        says_something = says_something or (from_source and value is not None)
        if value is not None:
            values[name] = value
    return values if says_something or not has_source else None


def column_of(tree: Tree, path: str) -> str | None:
    """The column to blame for a broken field: the one that fills it, else one that fills its surroundings."""
    names = path.split(".")
    part: Cell | Tree = tree
    for name in names:
        if isinstance(part, Cell) or name not in part:
            break
        part = part[name]
    cells = [part] if isinstance(part, Cell) else [*cells_of(part)]
    return next((cell.column for cell in cells if cell.column is not None), None)


def cells_of(tree: Tree) -> Iterator[Cell]:
    """The cells of a tree, in their order."""
    for part in tree.values():
        if isinstance(part, Cell):
            yield part
        else:
            yield from cells_of(part)


class _WrongError(Exception):
    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")


def _mapping(document: dict[str, Any]) -> CsvMapping:
    _known("the file", document, _FILE_FIELDS)
    person = _person(_table("person", document.get("person")))
    key = document.get("key")
    keys = [key] if isinstance(key, str) else key
    if not isinstance(keys, list) or not keys or not all(isinstance(column, str) for column in keys):
        raise _WrongError("key", "give the column, or a list of columns, that names a person for ever")
    delimiter = _text(document, "delimiter", ",")
    if len(delimiter) != 1:
        raise _WrongError("delimiter", "give one character")
    components = document.get("components", [])
    if not isinstance(components, list):
        raise _WrongError("components", "write [[components]] above each")
    mapped = tuple(_component(f"components[{index}]", given, index) for index, given in enumerate(components))
    slots = [(component.type, component.slot) for component in mapped]
    for index, slot in enumerate(slots):
        if slot in slots[:index]:
            raise _WrongError(f"components[{index}]", "give each component of a type its own slot")
    return CsvMapping(
        _text(document, "system"), tuple(keys), delimiter, _text(document, "encoding", "utf-8-sig"), person, mapped
    )


def _person(table: dict[str, Any]) -> Tree:
    _known("person", table, _PERSON_FIELDS)
    if "name" not in table:
        raise _WrongError("person", "name is missing")
    cells = {name: _cell(f"person.{name}", part) for name, part in table.items() if name != "name"}
    name = table["name"]
    in_parts = isinstance(name, dict) and _ORIGINS.isdisjoint(name)
    return {"name": _tree("person.name", name, PersonName) if in_parts else _cell("person.name", name), **cells}


def _component(where: str, given: Any, index: int) -> ComponentMapping:
    table = _table(where, given)
    _known(where, table, _COMPONENT_FIELDS)
    model = COMPONENT_TYPES.get(table.get("type", ""))
    if model is None:
        raise _WrongError(f"{where}.type", f"give one of {', '.join(COMPONENT_TYPES)}")
    data = _tree(f"{where}.data", _table(f"{where}.data", table.get("data")), model)
    primary = table.get("primary", False)
    if not isinstance(primary, bool):
        raise _WrongError(f"{where}.primary", "give true or false")
    for_each = _cell(f"{where}.for_each", table["for_each"]) if "for_each" in table else None
    if for_each is not None and (for_each.column is None or for_each.separator is None):
        raise _WrongError(f"{where}.for_each", "give a column and a separator")
    if for_each is None and any(cell.item for cell in cells_of(data)):
        raise _WrongError(where, "item needs for_each")
    slot = str(table.get("slot", "" if for_each is None else f"list{index}"))
    return ComponentMapping(model.type_name, slot, primary, for_each, data)


def _tree(where: str, table: dict[str, Any], model: type[Frozen] | None) -> Tree:
    """The fields of a value; without a model any names are good, as in free JSON."""
    if not table:
        raise _WrongError(where, "says nothing")
    if model is not None:
        _known(where, table, (*model.model_fields, *_BESIDE.get(model, ())))
    tree: Tree = {}
    for name, part in table.items():
        place = f"{where}.{name}"
        if not isinstance(part, dict) or not _ORIGINS.isdisjoint(part):
            tree[name] = _cell(place, part)
            continue
        annotation = model.model_fields[name].annotation if model is not None else dict
        inner = _model_in(annotation)
        if inner is None and model is not None and not _is_free(annotation):
            raise _WrongError(place, _ONE_ORIGIN)
        tree[name] = _tree(place, part, inner)
    if model is not None:
        _split_lists(tree, model)
    return tree


def _model_in(annotation: Any) -> type[Frozen] | None:
    """The model of a field that holds one, or may hold one."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Frozen):
            return part
    return None


def _is_free(annotation: Any) -> bool:
    return get_origin(annotation) is dict or annotation is JsonValue


def _cell(where: str, given: Any) -> Cell:
    if isinstance(given, str):
        return Cell(column=given)
    try:
        return Cell.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *map(str, first["loc"])])
        raise _WrongError(place, f"{first['msg']}; {_ONE_ORIGIN}") from None


def _split_lists(tree: Tree, model: type[Frozen]) -> None:
    # A column that fills a list holds one item of it, unless a separator says otherwise.
    for name, part in tree.items():
        is_list = name in model.model_fields and get_origin(model.model_fields[name].annotation) is tuple
        if is_list and isinstance(part, Cell) and part.constant is None and part.separator is None:
            tree[name] = part.model_copy(update={"separator": "\n"})


def _table(where: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _WrongError(where, "is missing" if given is None else "is no table")
    return given


def _known(where: str, table: dict[str, Any], known: Collection[str]) -> None:
    for name in table:
        if name not in known:
            raise _WrongError(f"{where}: {name}", f"unknown; there are {', '.join(known)}")


def _text(document: dict[str, Any], name: str, default: str | None = None) -> str:
    value = document.get(name, default)
    if not isinstance(value, str) or not value or len(value) > 100:
        raise _WrongError(name, "give a text of at most 100 characters")
    return value
