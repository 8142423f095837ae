"""What a check of `person doctor` finds: how bad it is, what it means, and what to do."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Severity = Literal["ok", "info", "warning", "error"]
"""`info` could not be checked or is for knowing only; `warning` works, yet somebody should look; `error` does not work, or loses what it promises."""


class Finding(NamedTuple):
    """One check. `means` says what follows from what was found, `advice` what to do; both are empty for what is in order."""

    check: str
    severity: Severity
    found: str
    means: str = ""
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing has to be done."""
        return self.severity in ("ok", "info")

    def told(self) -> dict[str, Any]:
        """The finding as `--json` prints it."""
        return {
            "check": self.check,
            "severity": self.severity,
            "ok": self.ok,
            "found": self.found,
            "means": self.means,
            "advice": self.advice,
        }


def good(check: str, found: str) -> Finding:
    """What is in order."""
    return Finding(check, "ok", found)
