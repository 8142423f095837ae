"""`python -m ops.probe`: asks the worker of this environment whether it lives, for supervisors that run a command.

Exit code 0 when `/livez` answers with success, else 1. It imports nothing that takes time."""

from __future__ import annotations

import functools
import os
import ssl
import sys
import urllib.request
from http.client import HTTPResponse

TIMEOUT_S = 2.0


def main() -> int:
    """Ask once."""
    host, port = os.environ.get("PERSON_HTTP_HOST", "127.0.0.1"), os.environ.get("PERSON_HTTP_PORT", "6066")
    scheme = "https" if os.environ.get("PERSON_HTTP_TLS_CERT_FILE") else "http"
    try:
        with opened(f"{scheme}://{host}:{port}/livez", TIMEOUT_S) as reply:
            return 0 if reply.status == 200 else 1
    except OSError:
        return 1


def opened(page: str, timeout_s: float) -> HTTPResponse:
    """The answer of a page of a worker, encrypted or not; raises OSError without one.

    As a kubelet does, it does not ask who answers: nothing secret is sent, and a certificate need not name the host of a probe.
    """
    reply: HTTPResponse = urllib.request.urlopen(page, timeout=timeout_s, context=_unchecked())  # noqa: S310  # never a file
    return reply


@functools.cache
def _unchecked() -> ssl.SSLContext:
    # Not the default one, which reads all authorities of the system.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


if __name__ == "__main__":
    sys.exit(main())
