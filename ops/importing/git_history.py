"""Plans one person per author of a git repository.

Ids rest on the sha of the author's first commit. What is created and added never changes for an author; what
grows with the history travels in one update, so a later import renews the profile and adds nobody twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ops.importing.authors import Author, sum_authors
from ops.importing.commands import add_component, create_person, update_component
from ops.importing.fields import UnfitError, email_address, name_of_login, name_of_text
from ops.importing.git_log import check_repository, read_commits
from ops.importing.plan import PlannedCommand, PlannedPerson, Rejected

_LANGUAGES: Final = 10
_NO_REPLY: Final = (
    ("GitHub", "https://github.com/", re.compile(r"(?:\d+\+)?([^@+]+)@users\.noreply\.github\.com", re.I)),
    ("GitLab", "https://gitlab.com/", re.compile(r"(?:\d+-)?([^@]+)@users\.noreply\.gitlab\.com", re.I)),
)


def plan_git(path: Path) -> Iterator[PlannedPerson | Rejected]:
    """Plan the authors of HEAD's history, first commits first; an unreadable source is told at once."""
    check_repository(path)
    return _plan(path)


def _plan(path: Path) -> Iterator[PlannedPerson | Rejected]:
    for author in sum_authors(read_commits(path)):
        yield from _plan_author(author)


def _plan_author(author: Author) -> Iterator[PlannedPerson | Rejected]:
    if "[bot]" in author.name.lower() or "[bot]" in author.email.lower():
        yield Rejected(author.first_sha, "author: is a bot")
        return
    base = f"import:git:{author.first_sha}"
    account = _account(author)
    try:
        name = _name(author, account["username"])
        create = create_person(base, base, {"name": name, "source": "git", "source_system": "git"})
    except UnfitError as unfit:
        yield Rejected(author.first_sha, str(unfit))
        return
    planned, refused = [create], []
    for part in (_plan_email, _plan_profile):
        try:
            planned += part(base, create.person_id, author, account)
        except UnfitError as unfit:
            refused.append(Rejected(author.first_sha, str(unfit)))
    yield PlannedPerson(author.first_sha, tuple(planned))
    yield from refused


def _plan_email(base: str, person_id: str, author: Author, account: dict[str, Any]) -> list[PlannedCommand]:
    email: dict[str, Any] = {"email": email_address(author.email), "email_type": "Other"}
    if "profile_url" in account:
        # The address of a hosting service hides the real one and takes no mail.
        email["can_receive_notifications"] = False
    return [add_component(base, 0, person_id, "EmailAddress", email)]


def _plan_profile(base: str, person_id: str, author: Author, account: dict[str, Any]) -> list[PlannedCommand]:
    profile = add_component(base, 1, person_id, "GitProfile", account | {"repositories": 1})
    work = _work(author)
    return [profile, update_component(f"{base}:{_digest(work)}", profile, work)]


def _account(author: Author) -> dict[str, Any]:
    for provider, site, address in _NO_REPLY:
        if match := address.fullmatch(author.email):
            return {"provider": provider, "username": match[1], "profile_url": site + match[1]}
    local = author.email.partition("@")[0]
    return {"provider": "Other", "username": local or author.name}


def _name(author: Author, username: str) -> dict[str, Any]:
    # Git fills in an address, or nothing, when nobody has set a name; the login is then shown as it is.
    return name_of_login(username) if "@" in author.name or not author.name else name_of_text(author.name)


def _work(author: Author) -> dict[str, Any]:
    total = author.lines.total()
    by_lines = sorted(author.lines.items(), key=lambda item: (-item[1], item[0]))
    work: dict[str, Any] = {
        "contributions": author.commits,
        "languages": [
            {"language": language, "lines": lines, "share": round(100 * lines / total, 1)}
            for language, lines in by_lines[:_LANGUAGES]
        ],
    }
    if author.first_at is not None and author.last_at is not None:
        work["first_contribution"] = _day(author.first_at)
        work["last_contribution"] = _day(author.last_at)
    return work


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _digest(work: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()
