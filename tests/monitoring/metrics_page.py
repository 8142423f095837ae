"""The metrics that the reference documents, which a test compares with those that workers serve: name, type and labels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `((?:person|process)_\w+)` \| (\w+) \|(.*?)\|", re.MULTILINE)
PARTS = ("_bucket", "_sum", "_count")


class Documented(NamedTuple):
    """A row of the page."""

    kind: str
    labels: frozenset[str]


def documented() -> dict[str, Documented]:
    """The rows by name."""
    return {
        name: Documented(kind, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(PAGE.read_text())
    }


def family_of(sample: str, families: dict[str, Documented]) -> str:
    """The row that a sample belongs to: its own name, or that of the histogram it is a part of."""
    if sample not in families:
        for part in PARTS:
            family = sample.removesuffix(part)
            if family != sample and family in families and families[family].kind == "histogram":
                return family
    return sample


def labels_of_samples() -> dict[str, frozenset[str]]:
    """The labels of every sample that may be asked for, by its name."""
    samples: dict[str, frozenset[str]] = {}
    for name, (kind, labels) in documented().items():
        if kind == "histogram":
            samples |= {f"{name}{part}": labels | ({"le"} if part == "_bucket" else set()) for part in PARTS}
        else:
            samples[name] = labels
    return samples
