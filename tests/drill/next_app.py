"""The application of the next release."""

from __future__ import annotations

import importlib

from tests.drill import next_release

__all__ = ["app", "next_release"]

# Behind what the release changes.
app = importlib.import_module("app").app
