"""`make audit` finds what a database knows, and says aloud when there is no database."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

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
REQUIREMENTS = f"orjson==1.0 --hash=sha256:{'0' * 64}\nidna==3.0 --hash=sha256:{'1' * 64}\n"


class Database(BaseHTTPRequestHandler):
    """Knows one vulnerability."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(VULNERABLE if asked["package"]["name"] == "orjson" else {}).encode()
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
    assert code == 1


def test_without_a_database_nothing_is_audited_which_is_said_and_no_failure_unless_it_is_required(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nowhere = "http://127.0.0.1:1/v1/query"

    assert main(["--database", nowhere]) == 0
    assert "NOT AUDITED: no database of vulnerabilities at http://127.0.0.1:1" in capsys.readouterr().out
    assert main(["--database", nowhere, "--require"]) == 1
