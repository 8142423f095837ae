"""A file of lines that was cut off anywhere ends with the bytes of one that was written at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.replay.lines import CheckpointError, LineFile

ABOUT = {"events": "all"}


def begun(path: Path) -> None:
    with LineFile(path, ABOUT) as lines:
        lines.write([b"1", b"2"], {"sequence": 2})


def checkpoint_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.checkpoint")


def test_what_the_checkpoint_does_not_cover_is_cut_off_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    begun(path)
    with path.open("ab") as file:
        file.write(b"3\n4 was only half wri")

    with LineFile(path, ABOUT) as lines:
        assert (lines.is_resumed, lines.place, lines.lines) == (True, {"sequence": 2}, 2)
        lines.write([b"3", b"4"], {"sequence": 4})
        lines.complete()

    assert path.read_bytes() == b"1\n2\n3\n4\n"
    assert not checkpoint_of(path).exists()


def test_a_complete_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"somebody else's\n")

    with pytest.raises(CheckpointError, match="is there and has no checkpoint"), LineFile(path, ABOUT):
        pass
    assert path.read_bytes() == b"somebody else's\n"


def test_a_checkpoint_of_another_replay_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    begun(path)

    with pytest.raises(CheckpointError, match="belongs to another replay"), LineFile(path, {"events": "some"}):
        pass


def test_a_file_that_is_shorter_than_its_checkpoint_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    begun(path)
    path.write_bytes(b"1\n")

    with pytest.raises(CheckpointError, match="is shorter"), LineFile(path, ABOUT):
        pass


def test_a_checkpoint_without_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    begun(path)
    path.unlink()

    with pytest.raises(CheckpointError, match="its file is not"), LineFile(path, ABOUT):
        pass
