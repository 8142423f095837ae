"""Only jars with the locked sums are used, and nothing is resolved when the cache has them all."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jgo
import pytest

from local import kafka_jars as jars
from local.errors import StackError

CLIENTS = f"kafka-clients-{jars.VERSION}.jar"


def _no_network(**_: object) -> None:
    raise ConnectionError("network is unreachable\nand more lines")


@pytest.fixture(scope="session")
def filled() -> dict[str, Path]:
    """The verified jars of this machine by name; resolved once where the cache is empty."""
    return {jar.name: jar for jar in jars.kafka_jars(lambda _line: None)}


@pytest.fixture
def cache(filled: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone, with every jar."""
    monkeypatch.setenv("PERSON_CACHE", str(tmp_path))
    jars.cache_folder().mkdir()
    for name, jar in filled.items():
        (jars.cache_folder() / name).symlink_to(jar)
    return jars.cache_folder()


@pytest.fixture
def resolve_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Path]], None]:
    """Let jgo resolve to these files."""
    return lambda files: monkeypatch.setattr(jgo, "build", lambda **_: SimpleNamespace(all_jars=files))


@pytest.fixture(autouse=True)
def offline(filled: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jgo, "build", _no_network)


def test_a_filled_cache_needs_no_network(cache: Path) -> None:
    assert {jar.parent for jar in jars.kafka_jars(lambda _line: None)} == {cache}


@pytest.mark.parametrize("damage", ["tampered", "missing"])
def test_a_wrong_jar_is_replaced(
    damage: str,
    cache: Path,
    filled: dict[str, Path],
    resolve_to: Callable[[list[Path]], None],
) -> None:
    (cache / CLIENTS).unlink()
    if damage == "tampered":
        (cache / CLIENTS).write_bytes(b"tampered")
    resolve_to(list(filled.values()))
    told: list[str] = []
    jars.kafka_jars(told.append)
    assert (cache / CLIENTS).read_bytes() == filled[CLIENTS].read_bytes()
    assert told[0].startswith(f"resolving 1 of {len(filled)} jars")


def test_a_jar_that_stays_wrong_is_refused(
    cache: Path, tmp_path: Path, resolve_to: Callable[[list[Path]], None]
) -> None:
    (cache / CLIENTS).unlink()
    (tmp_path / CLIENTS).write_bytes(b"tampered at the source")
    resolve_to([tmp_path / CLIENTS])
    with pytest.raises(StackError, match=rf"^{CLIENTS} does not have the sha256 of local/kafka_jars.lock.*$"):
        jars.kafka_jars(lambda _line: None)


def test_an_impossible_download_is_one_clear_line(cache: Path) -> None:
    (cache / CLIENTS).unlink()
    with pytest.raises(StackError, match=r"cannot be downloaded \(network is unreachable\)") as refused:
        jars.kafka_jars(lambda _line: None)
    assert "\n" not in str(refused.value)


def test_the_committed_lock_holds_sums_and_names_only() -> None:
    lines = jars.LOCK.read_text().splitlines()
    assert len(lines) == len(jars.read_lock()) > 40
    assert all(re.fullmatch(r"[0-9a-f]{64}  [\w.-]+\.jar", line) for line in lines)


def test_the_lock_can_be_made_again(
    filled: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resolve_to: Callable[[list[Path]], None],
) -> None:
    committed = jars.LOCK.read_text()
    monkeypatch.setattr(jars, "LOCK", tmp_path / "lock")
    resolve_to(list(filled.values()))
    assert jars.write_lock() == len(filled)
    assert jars.LOCK.read_text() == committed


def test_the_lock_is_refused_with_another_version_of_the_clients(
    filled: dict[str, Path], resolve_to: Callable[[list[Path]], None]
) -> None:
    resolve_to([jar for name, jar in filled.items() if name != CLIENTS])
    with pytest.raises(StackError, match="kafka-clients was not resolved"):
        jars.write_lock()
