"""Reads files of vCards into cards of decoded properties, with vobject for the lines and the escapes.

Lines are unfolded before they are decoded, because real address books fold inside a character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vobject.base import VObjectError, textLineToContentLine
from vobject.icalendar import stringToTextValues
from vobject.vcard import splitFields

from ops.importing.plan import ImportSourceError

_FOLD: Final = re.compile(rb"\r?\n[ \t]")
_NAME: Final = re.compile(r"(?:[\w-]+\.)?([\w-]+)[;:]", re.ASCII)
# vobject 0.9.9 takes exponential time on a line that is not well formed, so it sees only lines that are.
_LINE: Final = re.compile(
    r'(?:[\w-]+\.)?[\w-]+(?:;[\w-]+(?:=(?:"[^"]*"|[^",;:]*)(?:,(?:"[^"]*"|[^",;:]*))*)?)*:', re.ASCII
)
_PROPERTIES: Final = (
    "ADR BDAY EMAIL EXPERTISE FN KIND LANG N ORG ROLE TEL TITLE UID URL VERSION X-ABSHOWAS X-ADDRESSBOOKSERVER-KIND"
)
_READ: Final = frozenset(_PROPERTIES.split())
_OF_THE_EXPORT: Final = ("REV:", "PRODID:")


@dataclass(frozen=True)
class Property:
    """One property; `value` is as written, parameters are lower-case and split into single values."""

    value: str
    parameters: dict[str, tuple[str, ...]]

    @property
    def text(self) -> str:
        """The value without escapes; a comma that should have been escaped is kept."""
        return ",".join(stringToTextValues(self.value)).strip()

    @property
    def fields(self) -> list[list[str]]:
        """The value as fields between semicolons, each a list of the texts between commas."""
        split = ([part] if isinstance(part, str) else part for part in splitFields(self.value))
        return [[text.strip() for text in part if text.strip()] for part in split]

    @property
    def types(self) -> tuple[str, ...]:
        """The values of TYPE, in lower case."""
        return self.parameters.get("type", ())

    @property
    def preference(self) -> int:
        """1 (most preferred) to 100; 101 when none is given. vCard 3.0 says TYPE=pref instead."""
        number = self.parameters.get("pref", ("",))[0]
        if number.isascii() and number.isdecimal():
            return int(number)
        return 1 if "pref" in self.types else 101


@dataclass
class Card:
    """The properties of one card that an import reads, and its text without marks of the export."""

    source_ref: str
    text: str = ""
    properties: dict[str, list[Property]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    closed: bool = False

    def first(self, name: str) -> Property | None:
        """The most preferred property of a name, the earlier one when two are alike."""
        return min(self.properties.get(name, ()), key=lambda found: found.preference, default=None)

    def value(self, name: str) -> str:
        """The text of the most preferred property of a name, or an empty text."""
        found = self.first(name)
        return found.text if found else ""


def read_cards(path: Path) -> Iterator[Card]:
    """The cards of one file, numbered from 1; raises ImportSourceError when it holds none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ImportSourceError(f"{path}: {error.strerror}") from error
    text = _FOLD.sub(b"", raw).decode("utf-8-sig", errors="replace")
    found = 0
    lines: list[str] | None = None
    for line in re.split(r"\r?\n|\r", text):
        match line.strip().upper():
            case "BEGIN:VCARD":
                if lines is not None:
                    yield _card(f"{path.name}:{found}", lines, closed=False)
                found, lines = found + 1, []
            case "END:VCARD" if lines is not None:
                yield _card(f"{path.name}:{found}", lines, closed=True)
                lines = None
            case stripped if stripped and lines is not None:
                lines.append(line)
    if lines is not None:
        yield _card(f"{path.name}:{found}", lines, closed=False)
    if not found:
        raise ImportSourceError(f"{path}: not a vCard file")


def _card(source_ref: str, lines: list[str], *, closed: bool) -> Card:
    stable = (line.strip() for line in lines if not line.upper().startswith(_OF_THE_EXPORT))
    card = Card(source_ref, unicodedata.normalize("NFC", "\n".join(stable)), closed=closed)
    for line in lines:
        match = _NAME.match(line)
        if match and match[1].upper() in _READ:
            _add_property(card, match[1].upper(), line)
    return card


def _add_property(card: Card, name: str, line: str) -> None:
    if "\N{REPLACEMENT CHARACTER}" in line:
        card.problems.append(f"{name}: not UTF-8 text")
        return
    try:
        if not _LINE.match(line):
            raise ValueError(name)
        content = textLineToContentLine(line)
    # ValueError covers the unknown charsets and bad bytes of quoted-printable text.
    except (VObjectError, LookupError, ValueError):
        card.problems.append(f"{name}: the line is not well formed")
        return
    parameters = {
        key.lower(): tuple(part.strip().lower() for value in values for part in value.split(","))
        for key, values in content.params.items()
    }
    # vCard 2.1 style, still written into 3.0: TEL;HOME;CELL:...
    bare = tuple(value.lower() for value in content.singletonparams)
    if bare:
        parameters["type"] = parameters.get("type", ()) + bare
    card.properties.setdefault(name, []).append(Property(content.value, parameters))
