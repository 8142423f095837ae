"""What the checks of a round found: numbers, and one line for each difference with whom it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["lost", "duplicated", "out_of_order", "divergent"]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it must be. `subject`: the person, command, key or process that it is about."""

    verdict: Verdict
    subject: str
    text: str


@dataclass
class Findings:
    """All differences; a clean round has none."""

    differences: list[Difference] = field(default_factory=list)

    def add(self, verdict: Verdict, subject: str, text: str) -> None:
        """Note a difference."""
        self.differences.append(Difference(verdict, subject, text))

    def count(self, verdict: Verdict) -> int:
        """How many differences of one kind there are."""
        return sum(difference.verdict == verdict for difference in self.differences)

    @property
    def clean(self) -> bool:
        """Whether everything is as it must be."""
        return not self.differences
