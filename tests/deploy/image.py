"""`make image`: puts the content of the image together without a container engine, and runs a worker from it on real servers.

What the Dockerfile copies is copied, its two locks are installed with their hashes, the wheel is built from the copy alone, and the
worker runs from the new environment with the environment variables of the image. It ends with 0 only if that worker becomes ready,
the probe says so, a command is accepted, and SIGTERM ends it with 0."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import venv
from pathlib import Path

from local.stack import Endpoints, Stack
from ops.workers import free_port
from tests.deploy.dockerfile import ROOT, instructions

FOLDER = Path("build/image")
READY_BUDGET_S = 90.0


def main() -> int:
    """Build, run, tell."""
    folder = FOLDER.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    context, image = folder / "build", folder / "opt" / "person"
    _copy(context)
    venv.create(image, symlinks=True)
    venv.create(folder / "tools", with_pip=True, symlinks=True)
    pip = [str(folder / "tools" / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]
    into_image = [*pip, "--python", str(image / "bin" / "python")]
    _run([*pip, "install", "--require-hashes", "-r", "requirements/build.txt"], context)
    _run([*into_image, "install", "--require-hashes", "-r", "requirements/runtime.txt"], context)
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."], context)
    (wheel,) = (context / "dist").glob("*.whl")
    _run([*into_image, "install", "--no-deps", "--no-index", str(wheel)], context)
    shutil.rmtree(context)
    with Stack(folder / "stack") as stack:
        _serve(image, folder / "data", stack.endpoints)
    sys.stdout.write(f"image: {_megabytes(image)} MB in {image}; a worker ran from it\n")
    return 0


def _copy(context: Path) -> None:
    for one in instructions("COPY"):
        *found, target = one.split()
        if found[0].startswith("--from"):
            continue
        for name in found:
            source, to = ROOT / name, context / target
            if source.is_dir():
                shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (to if target.endswith("/") else to.parent).mkdir(parents=True, exist_ok=True)
                shutil.copy(source, to)


def _serve(image: Path, data: Path, servers: Endpoints) -> None:
    data.mkdir()
    port = free_port()
    environment = {
        "PATH": f"{image / 'bin'}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PERSON_DATA_DIR": str(data / "tables"),
        "PERSON_NATS_URL": servers.nats_url,
        "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        "PERSON_HTTP_PORT": str(port),
        "PERSON_ACCESS": "open",
    }
    person = str(image / "bin" / "person")
    with (data / "worker.log").open("wb") as log:
        worker = subprocess.Popen([person, "worker"], cwd=data, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + READY_BUDGET_S
        while not _ready(port):
            if worker.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(
                    f"image: the worker did not become ready:\n{(data / 'worker.log').read_text()[-3000:]}"
                )
            time.sleep(0.2)
        _run([str(image / "bin" / "python"), "-m", "ops.probe"], data, environment)
        _run([person, "send", "create", "--name", "Ada Lovelace"], data, environment)
    finally:
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(30)
    if code != 0:
        raise SystemExit(f"image: the worker ended with {code}")


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"image: {' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _megabytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) >> 20


if __name__ == "__main__":
    sys.exit(main())
