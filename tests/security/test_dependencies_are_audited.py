"""`make audit` finds what a database knows, and says aloud when there is no database."""

from __future__ import annotations

import json
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.kafka_jars import VERSION, cache_folder, read_lock
from tests.audited_programs import programs
from tests.dependency_audit import main

VULNERABLE = {
    "vulns": [
        {
            "id": "PYSEC-2099-1",
            "summary": "of this test",
            "modified": "2099-01-01T00:00:00Z",
            "published": "2099-01-01T00:00:00Z",
            "affected": [
                {
                    "package": {"ecosystem": "PyPI", "name": "orjson"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
                }
            ],
        }
    ]
}
JAR = "org.apache.kafka:kafka-clients"
OF_A_JAR = {
    "vulns": [
        {
            "id": "GHSA-of-this-test",
            "affected": [
                {"package": {"ecosystem": "Maven", "name": "another"}, "ranges": [{"events": [{"fixed": "1"}]}]},
                {
                    "package": {"ecosystem": "Maven", "name": JAR},
                    "ranges": [{"events": [{"introduced": "0"}, {"fixed": "9.0"}]}],
                },
            ],
        }
    ]
}
KNOWN = {"orjson": VULNERABLE, JAR: OF_A_JAR}
REQUIREMENTS = f"orjson==1.0 --hash=sha256:{'0' * 64}\nidna==3.0 --hash=sha256:{'1' * 64}\n"


class Database(BaseHTTPRequestHandler):
    """Knows two vulnerabilities."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(KNOWN.get(asked["package"]["name"], {})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def database() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Database)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_known_vulnerability_is_named_and_fails(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "locked.txt").write_text(REQUIREMENTS)

    code = main(["--requirements", str(tmp_path / "locked.txt"), "--database", database])

    told = capsys.readouterr().out
    assert "orjson 1.0: PYSEC-2099-1, repaired by 2.0" in told
    assert "2 requirements audited, 1 known vulnerabilities" in told
    assert f"{JAR} {VERSION}: GHSA-of-this-test, repaired by 9.0" in told
    assert f"{1 + len(read_lock())} programs audited, 1 known vulnerabilities" in told
    assert code == 1


def test_without_a_database_nothing_is_audited_which_is_said_and_no_failure_unless_it_is_required(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nowhere = "http://127.0.0.1:1/v1/query"

    assert main(["--database", nowhere]) == 0
    told = capsys.readouterr().out
    assert "NOT AUDITED: no database of vulnerabilities at http://127.0.0.1:1" in told
    assert f"Maven {JAR} {VERSION} sha256:{read_lock()[f'kafka-clients-{VERSION}.jar']}" in told
    assert re.search(r"^Go github.com/nats-io/nats-server/v2 [\d.]+ sha256:[0-9a-f]{64}$", told, re.MULTILINE)
    assert main(["--database", nowhere, "--require"]) == 1


def test_a_jar_that_was_altered_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSON_CACHE", str(tmp_path))
    cache_folder().mkdir()
    (cache_folder() / f"kafka-clients-{VERSION}.jar").write_bytes(b"another one")

    assert main(["--database", "http://127.0.0.1:1/v1/query"]) == 1
    told = capsys.readouterr().out
    assert f"{JAR}: the file on this machine has another sum" in told
    assert f"{len(read_lock()) - 1} jars are not on this machine" in told


def test_every_jar_has_the_name_under_which_vulnerabilities_of_it_are_known() -> None:
    _, *jars = programs()
    assert len({one.name for one in jars}) == len(read_lock())
    for file, one in zip(read_lock(), jars, strict=True):
        group, artifact = one.name.split(":")
        assert file == f"{artifact}-{one.version}.jar"
        if (jar := cache_folder() / file).exists():
            with zipfile.ZipFile(jar) as content:
                told = [name for name in content.namelist() if name.endswith(f"/{artifact}/pom.properties")]
            assert told in ([], [f"META-INF/maven/{group}/{artifact}/pom.properties"])
