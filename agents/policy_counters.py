"""What this worker has asked its policies, for metrics: verdicts, faults and time by policy, since the start."""

from __future__ import annotations

from collections import Counter, defaultdict

from domain.policies.evaluation import Judgement

SLOW_S = 0.001
"""An evaluation that takes longer counts as slow; an ordinary one takes some tens of microseconds."""


class PolicyCounters:
    """Counters of one worker, by policy id."""

    def __init__(self) -> None:
        self.verdicts: Counter[tuple[str, str]] = Counter()
        """By policy id and verdict."""
        self.faults: Counter[tuple[str, str]] = Counter()
        """Why verdicts were indeterminate, by policy id and fault."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.slow: Counter[str] = Counter()
        self.longest: dict[str, float] = {}

    def asked(self, policy_id: str, judgement: Judgement, seconds: float) -> None:
        """Count one answer and the time that it took."""
        self.verdicts[policy_id, judgement.verdict] += 1
        if judgement.fault is not None:
            self.faults[policy_id, judgement.fault] += 1
        self.seconds[policy_id] += seconds
        if seconds > SLOW_S:
            self.slow[policy_id] += 1
        if seconds > self.longest.get(policy_id, 0.0):
            self.longest[policy_id] = seconds

    def refused(self, policy_id: str) -> None:
        """Count a command of a policy that was refused or failed."""
        self.verdicts[policy_id, "refused"] += 1
