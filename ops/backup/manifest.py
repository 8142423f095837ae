"""What a backup folder says of itself: its parts with sizes and checksums, what they hold, and whether it is complete.

Guarantee: a folder whose parts or manifest differ by a byte from what was written is refused with the name of the part."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from bridge.snapshot import sha256_of

FORMAT = "person-stream backup"
VERSION = 1
NAME = "manifest.json"


class BackupError(Exception):
    """A folder cannot be used, or an installation is not as it has to be; the message says what to do."""


@dataclass(frozen=True)
class Part:
    """One file: its place in the folder, its size in bytes and SHA-256, and what it holds.

    `config` and `state` are those of a stream as the server told them; a table has none, and `records` of its changelog.
    """

    name: str
    file: str
    size: int
    sha256: str
    config: Mapping[str, Any] | None = None
    state: Mapping[str, Any] | None = None
    records: int = 0

    @property
    def is_stream(self) -> bool:
        """Whether it holds a stream."""
        return self.config is not None


@dataclass(frozen=True)
class Manifest:
    """A backup of the generation that served. `decided` says whether every saved command had its outcome when the outcomes were saved.

    `register` is the sequence of the register of generations while it was taken.
    """

    app_id: str
    partitions: int
    product: str
    began: str
    parts: Sequence[Part] = field(default_factory=tuple)
    decided: bool = True
    generation: str = ""
    register: int = 0
    ended: str | None = None
    """When it was complete, None before."""

    def part(self, name: str) -> Part | None:
        """A part by its name."""
        return next((one for one in self.parts if one.name == name), None)

    def with_part(self, part: Part) -> Manifest:
        """The manifest with one part more."""
        return replace(self, parts=(*self.parts, part))

    def write(self, folder: Path) -> None:
        """Replace the file as a whole."""
        body = {"format": FORMAT, "version": VERSION, **asdict(self)}
        body["checksum"] = _checksum(body)
        temporary = folder / f"{NAME}.tmp"
        temporary.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
        temporary.replace(folder / NAME)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder; raises BackupError."""
    path = folder / NAME
    try:
        body = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise BackupError(f"{folder} holds no backup: there is no {NAME}") from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise BackupError(f"{path} cannot be read ({type(error).__name__}): the backup is damaged") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise BackupError(f"{path} is not the manifest of a backup of this product")
    if body.get("version") != VERSION:
        raise BackupError(f"{path} has version {body.get('version')}, and this release reads version {VERSION}")
    if body.pop("checksum", None) != _checksum(body):
        raise BackupError(f"{path} does not match its own checksum: the backup is damaged")
    del body["format"], body["version"]
    parts = tuple(Part(**one) for one in body.pop("parts"))
    return Manifest(parts=parts, **body)


def require_whole(folder: Path, manifest: Manifest) -> None:
    """Read every part and compare it with its checksum; raises BackupError."""
    if manifest.ended is None:
        raise BackupError(f"the backup in {folder} is not complete; run `person backup {folder}` again, it goes on")
    for part in manifest.parts:
        if not is_whole(folder, part):
            raise BackupError(f"{folder / part.file} is missing or does not match its checksum: the backup is damaged")


def is_whole(folder: Path, part: Part) -> bool:
    """Whether the file of a part is there as it was written."""
    path = folder / part.file
    return path.is_file() and path.stat().st_size == part.size and sha256_of(path) == part.sha256


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
