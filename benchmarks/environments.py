"""The environments in which engines run: this project's own, and those of peers below build/, made on first use.

What cannot be made, for want of the network, a JDK, Maven or Go, is a MissingEnvironmentError that says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.engines.catalogue import Engine

REPOSITORY = Path(__file__).parent.parent
BUILD = REPOSITORY / "build"
REQUIREMENTS = Path(__file__).parent / "requirements"
KAFKA_STREAMS = Path(__file__).parent / "kafka_streams"
NATS_KAFKA = Path(__file__).parent / "nats_kafka"
INSTALL_BUDGET_S = 600
_JVM = ("-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


class MissingEnvironmentError(Exception):
    """A peer cannot run here; the message says why."""


def command_of(engine: Engine) -> list[str]:
    """The command line of an engine; makes its environment when it is not there yet."""
    if engine.environment == "kafka_streams":
        return [_program("java"), "-cp", _kafka_streams_class_path(), *_JVM, engine.module]
    python = sys.executable if engine.environment == "own" else str(_python_of(engine.environment))
    if engine.faust:
        options = ["--loop", "uvloop", "worker", "--loglevel", engine.log_level, "--without-web"]
        return [python, "-m", "faust", "-A", engine.module, *options]
    return [python, "-m", engine.module]


def nats_kafka_program() -> Path:
    """The program of nats-kafka, built once through the Go module proxy."""
    target = BUILD / "nats_kafka"
    program = target / "nats-kafka"
    if not _newer(program, NATS_KAFKA.iterdir()):
        # Go writes what it resolved into the module's folder.
        source = target / "source"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(NATS_KAFKA, source)
        _run([_program("go"), "build", "-mod=mod", "-o", str(program), "."], cwd=source, what="nats-kafka")
    return program


def _python_of(environment: str) -> Path:
    """The interpreter of a peer's environment, installed from its requirements."""
    folder = BUILD / "venvs" / environment
    python = folder / "bin" / "python"
    requirements = REQUIREMENTS / f"{environment}.txt"
    ready = folder / "ready"
    if not _newer(ready, [requirements]):
        _run([sys.executable, "-m", "venv", str(folder)], cwd=REPOSITORY, what=environment)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
        _run([*install, str(requirements)], cwd=REPOSITORY, what=environment)
        ready.touch()
    return python


def _kafka_streams_class_path() -> str:
    target = BUILD / "kafka_streams"
    ready = target / "ready"
    if not _newer(ready, [path for path in KAFKA_STREAMS.rglob("*") if path.is_file()]):
        _program("javac")
        _run(
            [_program("mvn"), "--quiet", "--batch-mode", "-Dstyle.color=never", "package"],
            cwd=KAFKA_STREAMS,
            what="Kafka Streams",
        )
        ready.touch()
    return os.pathsep.join([str(target / "classes"), str(target / "lib" / "*")])


def _newer(made: Path, sources: Iterable[Path]) -> bool:
    return made.exists() and all(made.stat().st_mtime >= source.stat().st_mtime for source in sources)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingEnvironmentError(f"there is no program {name} on this machine")
    return found


def _run(command: list[str], *, cwd: Path, what: str) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_BUDGET_S, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        # The first error says what went wrong; tools like Maven and pip go on for many lines.
        told = next((line for line in said if "ERROR" in line.upper()), said[-1] if said else "no message")
        raise MissingEnvironmentError(f"{what} could not be installed: {told}")
