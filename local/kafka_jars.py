"""Owns the jar files of Apache Kafka: each is pinned by version and sha256 in `kafka_jars.lock`.

Once the cache folder holds every jar with the right sum, nothing is downloaded. After a change of
`COORDINATES` make the lock again with `python -m local.kafka_jars --lock` and read the difference before
committing it.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from local.errors import StackError

VERSION = "4.1.1"
# slf4j-simple and not log4j: the versions managed by log4j's parent would pull kafka-clients to another one.
COORDINATES = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
LOCK = Path(__file__).with_name("kafka_jars.lock")


def cache_folder() -> Path:
    """Where verified jars are kept: below PERSON_CACHE when set, else below the user's cache folder."""
    if own := os.environ.get("PERSON_CACHE"):
        root = Path(own)
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "person-stream"
    return root / f"kafka-{VERSION}"


def kafka_jars(progress: Callable[[str], None]) -> list[Path]:
    """Every jar of the lock, verified; resolves what is missing or altered, or raises a StackError."""
    cache = cache_folder()
    locked = read_lock()
    wrong = _wrong(cache, locked)
    if wrong:
        progress(f"resolving {len(wrong)} of {len(locked)} jars of Kafka {VERSION}; a download takes a while")
        _copy(_resolve(), cache, wrong)
        if still_wrong := _wrong(cache, locked):
            raise StackError(
                f"{still_wrong[0]} does not have the sha256 of local/{LOCK.name}: delete the jar caches "
                f"({cache} and jgo's) and start again; do not use the file"
            )
    return [cache / name for name in locked]


def read_lock() -> dict[str, str]:
    """The sha256 of each jar by file name."""
    rows = (line.split() for line in LOCK.read_text().splitlines())
    return {name: digest for digest, name in rows}


def write_lock() -> int:
    """Resolve the coordinates, write the lock and return the number of jars."""
    jars = sorted(_resolve(), key=lambda jar: jar.name)
    if f"kafka-clients-{VERSION}.jar" not in {jar.name for jar in jars}:
        raise StackError(f"kafka-clients was not resolved to {VERSION}: change the coordinates")
    LOCK.write_text("".join(f"{_sha256(jar)}  {jar.name}\n" for jar in jars))
    return len(jars)


def _resolve() -> list[Path]:
    try:
        import jgo
    except ImportError as error:
        raise StackError("jgo is missing: install the extra 'local' of this project") from error
    try:
        return [Path(jar) for jar in jgo.build(endpoint=COORDINATES).all_jars]
    except Exception as error:  # jgo has no error family of its own: network, parsing and disk all end here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StackError(
            f"the jars of Kafka {VERSION} cannot be downloaded ({reason}): connect to the network once, "
            "or set PERSON_CACHE to a filled cache"
        ) from error


def _copy(resolved: Iterable[Path], cache: Path, names: Iterable[str]) -> None:
    sources = {jar.name: jar for jar in resolved}
    cache.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name in sources:
            # Another stack may fill the same cache now: it sees the whole file or none.
            with tempfile.NamedTemporaryFile(dir=cache, delete=False) as part:
                shutil.copyfile(sources[name], part.name)
            Path(part.name).chmod(0o644)
            Path(part.name).replace(cache / name)


def _wrong(cache: Path, locked: Mapping[str, str]) -> list[str]:
    return [name for name, digest in locked.items() if _sha256(cache / name) != digest]


def _sha256(jar: Path) -> str | None:
    try:
        with jar.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    if sys.argv[1:] != ["--lock"]:
        sys.exit("usage: python -m local.kafka_jars --lock")
    sys.stdout.write(f"{write_lock()} jars in local/{LOCK.name}\n")
