"""Plans one person per row of a CSV file, as a mapping file says. Every error names the line and the column.

A person's ids rest on the values of the key columns, a component's on its place in the mapping: a changed row is the same
person with other content.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from domain.components.catalogue import COMPONENT_TYPES
from domain.fields import broken_rule
from ops.importing.cells import Row, UnreadableCellError
from ops.importing.commands import create_keyed_person, place_component
from ops.importing.fields import UnfitError, name_of_fields, name_of_text, phone_number
from ops.importing.mapping import ComponentMapping, CsvMapping, column_of, filled, read_mapping
from ops.importing.phone_text import phone_fields
from ops.importing.plan import ImportSourceError, PlannedCommand, PlannedPerson, Rejected

csv.field_size_limit(1 << 20)
_PAYLOAD_PREFIX: Final = "data."


def plan_csv(path: Path, mapping_path: Path) -> Iterator[PlannedPerson | Rejected]:
    """Plan the rows of a file; a mapping or a file that cannot be read is told at once."""
    mapping = read_mapping(mapping_path)
    rows = _rows(path, mapping)
    next(rows)  # the header, which is checked now
    return _plan(path, mapping, rows)


def _rows(path: Path, mapping: CsvMapping) -> Iterator[tuple[int, Row | None]]:
    """Line and cells of each row; None for a row of another width. The first one is the header."""
    try:
        with path.open(encoding=mapping.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=mapping.delimiter, strict=True)
            header = [name.strip() for name in next(reader, [])]
            missing = [column for column in mapping.columns() if header.count(column) != 1]
            if missing:
                raise ImportSourceError(f"{path}: the header must name these columns once: {', '.join(missing)}")
            yield 1, None
            line = reader.line_num
            for cells in reader:
                if cells:
                    yield line + 1, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None
                line = reader.line_num
    except OSError as error:
        raise ImportSourceError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, LookupError) as error:
        raise ImportSourceError(f"{path}: not {mapping.encoding} text; say the encoding in the mapping") from error
    except csv.Error as error:
        raise ImportSourceError(f"{path}: line {reader.line_num}: {error}") from error


def _plan(
    path: Path, mapping: CsvMapping, rows: Iterator[tuple[int, Row | None]]
) -> Iterator[PlannedPerson | Rejected]:
    seen: set[str] = set()
    for line, cells in rows:
        source_ref = f"{path.name}:{line}"
        if cells is None:
            yield Rejected(source_ref, "row: has another number of fields than the header", line)
            continue
        key = [cells[column].strip() for column in mapping.key]
        if not all(key):
            blank = mapping.key[key.index("")]
            yield Rejected(source_ref, "key: blank", line, blank)
            continue
        base = f"import:csv:{mapping.system}:{hashlib.sha256(repr(key).encode()).hexdigest()}"
        if base in seen:
            yield Rejected(source_ref, "key: repeats an earlier row", line, mapping.key[0])
            continue
        seen.add(base)
        yield from _Record(source_ref, line, base, mapping, cells).plan()


class _Record:
    """One row on its way to a plan."""

    def __init__(self, source_ref: str, line: int, base: str, mapping: CsvMapping, cells: Row) -> None:
        self._source_ref = source_ref
        self._line = line
        self._base = base
        self._mapping = mapping
        self._cells = cells
        self._rejected: list[Rejected] = []

    def plan(self) -> Iterator[PlannedPerson | Rejected]:
        try:
            said = filled(self._mapping.person, self._cells) or {}
            active = said.pop("active", None)
            if active is not None and not isinstance(active, bool):
                raise UnfitError("active: bool_type")
            create = self._create(said)
        except UnreadableCellError as unreadable:
            yield self._reject(f"person: {unreadable.rule}", unreadable.column)
            return
        except UnfitError as unfit:
            yield self._reject(str(unfit), column_of(self._mapping.person, _field(unfit)))
            return
        commands = [create]
        for component in self._mapping.components:
            commands += self._components(component, create.person_id)
        yield PlannedPerson(self._source_ref, tuple(commands), line=self._line, active=active, is_authority=True)
        yield from self._rejected

    def _create(self, said: dict[str, Any]) -> PlannedCommand:
        name = said.pop("name", None)
        if name is None:
            raise UnfitError("name: missing")
        fields = name_of_text(name) if isinstance(name, str) else name_of_fields(name)
        data = {"name": fields, "source": "import", "source_system": self._mapping.system, **said}
        return create_keyed_person(self._base, data)

    def _components(self, component: ComponentMapping, person_id: str) -> Iterator[PlannedCommand]:
        items: list[str | None] = [None] if component.for_each is None else [*component.for_each.parts(self._cells)]
        for item in items:
            column = component.for_each.column if component.for_each else None
            try:
                data = filled(component.data, self._cells, item)
                if data is not None:
                    data = _read_phone(component.type, data)
                    slot = component.slot if item is None else f"{component.slot}:{_key(component.type, data)}"
                    yield self._component(component, slot, person_id, data)
            except UnreadableCellError as unreadable:
                self._rejected.append(self._reject(f"{component.type}: {unreadable.rule}", unreadable.column))
            except UnfitError as unfit:
                column = column_of(component.data, _field(unfit)) or column
                self._rejected.append(self._reject(f"{component.type}.{unfit}", column))

    def _component(
        self, component: ComponentMapping, slot: str, person_id: str, data: dict[str, Any]
    ) -> PlannedCommand:
        try:
            return place_component(self._base, slot, person_id, component.type, data, is_primary=component.primary)
        except UnfitError as unfit:
            raise UnfitError(str(unfit).removeprefix(_PAYLOAD_PREFIX)) from unfit

    def _reject(self, reason: str, column: str | None) -> Rejected:
        return Rejected(self._source_ref, reason, self._line, column)


def _key(component_type: str, data: dict[str, Any]) -> str:
    """Names an item of a list by its natural key, so that the order of the list does not matter."""
    try:
        key = COMPONENT_TYPES[component_type].admit(data).natural_key()
    except ValidationError as error:
        raise UnfitError(": ".join(broken_rule(error))) from error
    return hashlib.sha256(repr(key).encode()).hexdigest()


def _read_phone(component_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Reads a number as people write it; its country code may stand beside it."""
    phone = data.get("phone")
    if component_type != "PhoneNumber" or not isinstance(phone, dict) or not isinstance(phone.get("number"), str):
        return data
    return {**data, "phone": phone_number({**phone, **phone_fields(phone["number"])})}


def _field(unfit: UnfitError) -> str:
    return str(unfit).partition(": ")[0]
