"""What the cycles of one topic took on this worker, over all its partitions and whoever owned them in between."""

from __future__ import annotations

from dataclasses import dataclass, field

from lanes.distribution import RECORDS, Distribution


@dataclass
class CycleMeasures:
    """Counts since the start of the worker; only cycles that were committed are in the distributions."""

    seconds: Distribution = field(default_factory=Distribution)
    """From the first agent to the end of what agents announce."""
    commit_seconds: Distribution = field(default_factory=Distribution)
    """The group commit alone: changelogs acknowledged and rows visible."""
    records: Distribution = field(default_factory=lambda: Distribution(RECORDS))
    failed: int = 0
    """Cycles that failed and were repeated from the same record."""
    fenced: int = 0
    """Lanes that ended because another worker had claimed their partition."""
