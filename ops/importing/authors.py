"""Sums up the commits of a history per author.

An author is everyone who shares an e-mail address, whatever its case; the first commit names the author.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ops.importing.git_log import Commit
from ops.importing.languages import language_of

_YEAR_10000: Final = 253402300800


@dataclass
class Author:
    """What one author did; `name` and `email` are those of the first commit, so later work changes neither."""

    first_sha: str
    name: str
    email: str
    commits: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    first_at: int | None = None
    last_at: int | None = None

    def count(self, commit: Commit) -> None:
        """Add one commit to the sums."""
        self.commits += 1
        for path, added in commit.added:
            language = language_of(path)
            if language is not None and added > 0:
                self.lines[language] += added
        if 0 < commit.authored_at < _YEAR_10000:  # a broken date reads as zero or as one far away
            self.first_at = min(self.first_at or commit.authored_at, commit.authored_at)
            self.last_at = max(self.last_at or commit.authored_at, commit.authored_at)


def sum_authors(commits: Iterable[Commit]) -> list[Author]:
    """The authors in the order of their first commits."""
    authors: dict[tuple[str, str], Author] = {}
    for commit in commits:
        # Without an address to tell people apart the name must do.
        key = (commit.email.lower(), "" if "@" in commit.email else commit.name)
        author = authors.setdefault(key, Author(commit.sha, commit.name, commit.email))
        author.count(commit)
    return list(authors.values())
