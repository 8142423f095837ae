"""The page that shows the status of a worker live: one document of HTML, style and script, with nothing from elsewhere.

Guarantee: the browser is told to run this script and this style only, and to connect to this worker only."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

_FOLDER = Path(__file__).parent
STYLE = (_FOLDER / "page.css").read_text()
SCRIPT = (_FOLDER / "page.js").read_text()


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


PAGE = (_FOLDER / "page.html").read_text().replace("/* style */", STYLE).replace("/* script */", SCRIPT)
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(SCRIPT)}",
            f"style-src {_digest(STYLE)}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept",
}
