"""The image is made of hashed requirements without tools of development, of every package of the wheel, and runs without rights."""

from __future__ import annotations

import http.server
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.settings import Settings
from ops import probe
from tests.deploy.dockerfile import DOCKERFILE, ROOT, instructions

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN_TIME_EXTRAS = ("tracing",)
"""Extras that the image installs; the others serve the embedded servers and development."""


def locked(name: str) -> Mapping[str, str]:
    """Name and version of every package of a lock; each has a hash."""
    text = (ROOT / "requirements" / name).read_text()
    entries = re.findall(r"^([a-z0-9][\w.-]*)(?:\[[^\]]*\])?==(\S+)[^\n]*\\\n\s+--hash=sha256:", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^\w", text, re.MULTILINE)), f"{name} holds a line without a hash"
    return dict(entries)


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[=<>;! ]", one)[0].lower().replace("_", "-") for one in requirements}


@pytest.mark.parametrize("lock", ["runtime.txt", "build.txt"])
def test_each_lock_of_the_image_has_the_versions_that_are_tested(lock: str) -> None:
    tested = locked("locked.txt")

    assert {name: tested.get(name) for name in locked(lock)} == locked(lock)


def test_the_lock_of_the_image_holds_all_that_the_product_asks_for_and_no_tool() -> None:
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = names(project["dependencies"])
    for extra in RUN_TIME_EXTRAS:
        wanted |= names(extras.get(extra, []))
    tools = names(extras["dev"]) | names(extras["local"])

    assert wanted <= set(locked("runtime.txt"))
    assert not (tools - wanted) & set(locked("runtime.txt"))


def test_every_package_of_the_wheel_is_copied_and_nothing_is_kept_out_that_is_copied() -> None:
    copied = {source for one in instructions("COPY") if "--from" not in one for source in one.split()[:-1]}
    allowed = {line[1:] for line in Path(f"{DOCKERFILE}.dockerignore").read_text().splitlines() if line.startswith("!")}

    assert set(PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["include"]) <= {
        name.rstrip("/") for name in copied
    }
    assert {name.rstrip("/") for name in copied} == allowed


def test_the_image_runs_without_rights_ends_on_sigterm_and_is_asked_whether_it_lives() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert instructions("HEALTHCHECK")[0].endswith('CMD ["python", "-m", "ops.probe"]')
    assert instructions("EXPOSE") == [str(Settings.model_fields["http_port"].default)]
    assert [base.split()[0] for base in instructions("FROM")] == [
        "python:${PYTHON}-bookworm",
        "python:${PYTHON}-slim-bookworm",
    ]


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    found = subprocess.run(
        [Path(sys.executable).parent / "hadolint", "--no-color", str(DOCKERFILE)], capture_output=True, text=True
    )

    assert (found.returncode, found.stdout) == (0, "")


@contextmanager
def worker_that_answers(status: int) -> Iterator[int]:
    """A server whose pages all have one status; gives its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_probe_tells_supervisors_what_livez_answers(
    status: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with worker_that_answers(status) as port:
        monkeypatch.setenv("PERSON_HTTP_PORT", str(port))
        monkeypatch.delenv("PERSON_HTTP_HOST", raising=False)
        assert probe.main() == code

    assert probe.main() == 1  # nobody answers any more
