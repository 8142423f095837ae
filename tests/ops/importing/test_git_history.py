"""Authors of real repositories become plans of commands."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.commands import Command
from domain.ids import NS, derive
from ops.importing.git_history import plan_git
from ops.importing.plan import ImportSourceError, PlannedCommand, PlannedPerson, Rejected

ADA = "Ada Formless <ada@example.org>"
BOB = "Bob Sample <bob@example.org>"


class Repository:
    """A git repository whose commits have given authors, on days counted from 2024-01-01."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.day = 0
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, author: str = ADA) -> str:
        name, _, email = author.partition(" <")
        stamp = str(1704067200 + 86400 * self.day)
        identity = {
            f"GIT_{who}_{key}": value
            for who in ("AUTHOR", "COMMITTER")
            for key, value in (
                ("NAME", name or "placeholder"),
                ("EMAIL", email.rstrip(">")),
                ("DATE", f"{stamp} +0000"),
            )
        }
        environment = os.environ | identity | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments], env=environment, check=True, capture_output=True
        )
        return done.stdout.decode(errors="replace").strip()

    def commit(self, author: str = ADA, **files: str) -> str:
        for name, text in files.items():
            file = self.path / name.replace("__", "/").replace("_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.day += 1
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x", author=author)
        return self.git("rev-parse", "HEAD")

    def raw_commit(self, author: bytes) -> str:
        """A commit whose author line git itself would not write."""
        tree = self.git("write-tree")
        body = b"tree %s\nauthor %s 1704067200 +0000\ncommitter c <c@example.org> 1704067200 +0000\n\nx\n"
        body = body % (tree.encode(), author)
        made = subprocess.run(
            ["git", "-C", str(self.path), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
            input=body, check=True, capture_output=True,
        )  # fmt: skip
        sha = made.stdout.decode().strip()
        self.git("update-ref", "refs/heads/main", sha)
        return sha


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def plan(repository: Repository) -> list[PlannedPerson]:
    return [result for result in plan_git(repository.path) if isinstance(result, PlannedPerson)]


def work(person: PlannedPerson) -> dict[str, Any]:
    changes: dict[str, Any] = person.commands[-1].data["changes"]
    return changes


def profile(person: PlannedPerson) -> dict[str, Any]:
    data: dict[str, Any] = person.commands[-2].data["data"]
    return data


def test_an_author_becomes_a_person_with_an_address_and_a_profile(repository: Repository) -> None:
    sha = repository.commit(main_py="a\nb\nc\n", lib_rs="a\n")
    repository.commit()
    (person,) = plan(repository)
    assert person.source_ref == sha
    create, email, added, update = person.commands
    assert create.data == {
        "name": {"given_names": ["Ada"], "family_names": ["Formless"], "naming_convention": "Western"},
        "source": "git",
        "source_system": "git",
    }
    assert email.data["data"] == {"email": {"address": "ada@example.org"}, "email_type": "Other"}
    assert added.data["data"] == {"provider": "Other", "username": "ada", "repositories": 1}
    assert update.data["component_id"] == added.data["component_id"]
    assert update.data["changes"] == {
        "contributions": 2,
        "languages": [
            {"language": "Python", "lines": 3, "share": 75},
            {"language": "Rust", "lines": 1, "share": 25},
        ],
        "first_contribution": "2024-01-02",
        "last_contribution": "2024-01-03",
    }


def test_the_edge_reads_every_planned_command(
    repository: Repository, read_at_edge: Callable[[PlannedCommand], Command]
) -> None:
    repository.commit("Ada Formless <1+ada@users.noreply.github.com>", main_py="a\n", b_go="a\nb\n")
    (person,) = plan(repository)
    assert [read_at_edge(planned).id for planned in person.commands] == [
        planned.command_id for planned in person.commands
    ]


def test_a_login_that_no_profile_can_hold_costs_the_profile_only(repository: Repository) -> None:
    sha = repository.raw_commit(b"Ada Formless <a\tb@example.org>")
    person, *rejected = plan_git(repository.path)
    assert isinstance(person, PlannedPerson)
    assert rejected == [
        Rejected(sha, "email.address: email_local_part"),
        Rejected(sha, "data.username: control_character"),
    ]


def test_ids_rest_on_the_first_commit_alone(repository: Repository) -> None:
    sha = repository.commit()
    (person,) = plan(repository)
    command_id = derive(NS, f"import:git:{sha}:create:0")
    assert person.commands[0].command_id == command_id
    assert {command.person_id for command in person.commands} == {derive(command_id, "person")}


def test_reading_twice_gives_the_same_plan(repository: Repository) -> None:
    repository.commit(main_py="a\n")
    repository.commit(BOB, other_go="a\n")
    assert plan(repository) == plan(repository)


def test_later_work_changes_only_the_update_and_gives_it_a_new_id(repository: Repository) -> None:
    repository.commit(main_py="a\n")
    (before,) = plan(repository)
    repository.commit(main_py="a\nb\n")
    (after,) = plan(repository)
    assert before.commands[:-1] == after.commands[:-1]
    assert before.commands[-1].command_id != after.commands[-1].command_id
    assert work(after)["contributions"] == 2


def test_merging_an_older_branch_keeps_the_ids_of_its_authors(repository: Repository) -> None:
    repository.commit(BOB)
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(ADA)
    repository.git("checkout", "-q", "main")
    repository.commit(ADA)
    before = [person.source_ref for person in plan(repository)]
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    assert [person.source_ref for person in plan(repository)] == before


def test_addresses_differ_by_more_than_case(repository: Repository) -> None:
    repository.commit(ADA)
    repository.commit("Ada F. <ADA@Example.org>")
    (person,) = plan(repository)
    assert work(person)["contributions"] == 2
    assert person.commands[0].data["name"]["family_names"] == ["Formless"]


def test_the_mailmap_joins_addresses_and_corrects_names(repository: Repository) -> None:
    repository.commit("ada <ada@laptop>")
    repository.commit(ADA)
    (repository.path / ".mailmap").write_text("Ada Formless <ada@example.org> <ada@laptop>\n")
    repository.commit(ADA)
    (person,) = plan(repository)
    assert work(person)["contributions"] == 3
    assert person.commands[0].data["name"]["family_names"] == ["Formless"]


@pytest.mark.parametrize(
    ("email", "provider", "username"),
    [
        ("4711+ada-f@users.noreply.github.com", "GitHub", "ada-f"),
        ("ada-f@users.noreply.github.com", "GitHub", "ada-f"),
        ("4711-ada-f@users.noreply.gitlab.com", "GitLab", "ada-f"),
        ("ada.f@example.org", "Other", "ada.f"),
    ],
)
def test_a_no_reply_address_names_the_account(repository: Repository, email: str, provider: str, username: str) -> None:
    repository.commit(f"Ada Formless <{email}>")
    (person,) = plan(repository)
    assert (profile(person)["provider"], profile(person)["username"]) == (provider, username)
    takes_mail = person.commands[1].data["data"].get("can_receive_notifications", True)
    assert takes_mail == (provider == "Other")


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("架空 花子 <h@example.org>", {"family_names": ["架空"], "given_names": ["花子"]}),
        ("🌊 Ada (Acme) 42 <a@example.org>", {"given_names": ["Ada"], "family_names": ["Acme"]}),
        ("ada.f@example.org <ada.f@example.org>", {"given_names": ["ada.f"]}),
        ("adaf42 <adaf42@example.org>", {"given_names": ["adaf"]}),
        ("Ada van der Form <a@example.org>", {"prefixes": ["van", "der"]}),
    ],
)
def test_odd_names_keep_what_a_name_may_hold(repository: Repository, author: str, name: dict[str, Any]) -> None:
    repository.commit(author)
    (person,) = plan(repository)
    assert person.commands[0].data["name"].items() >= name.items()


def test_an_empty_name_falls_back_to_the_login_as_one_name(repository: Repository) -> None:
    repository.raw_commit(b" <ada.f@example.org>")
    (person,) = plan(repository)
    assert person.commands[0].data["name"] == {"given_names": ["ada.f"], "naming_convention": "Mononymic"}


def test_bytes_that_are_not_utf8_do_not_stop_the_import(repository: Repository) -> None:
    repository.raw_commit(b"Jos\xe9 Form <jose@example.org>")
    (person,) = plan(repository)
    assert person.commands[0].data["name"]["family_names"] == ["Form"]


def test_a_name_without_letters_rejects_the_author(repository: Repository) -> None:
    sha = repository.commit("42 <42@example.org>")
    assert list(plan_git(repository.path)) == [Rejected(sha, "name: name_empty")]


def test_bots_are_no_people(repository: Repository) -> None:
    sha = repository.commit("renewer[bot] <1+renewer[bot]@users.noreply.github.com>")
    assert list(plan_git(repository.path)) == [Rejected(sha, "author: is a bot")]


def test_an_address_the_domain_refuses_costs_the_address_only(repository: Repository) -> None:
    sha = repository.commit("Ada Formless <ada@localhost>")
    person, rejected = plan_git(repository.path)
    assert isinstance(person, PlannedPerson)
    assert [command.data.get("component_type") for command in person.commands[1:]] == ["GitProfile"] * 2
    assert rejected == Rejected(sha, "email.address: email_domain")


def test_authors_without_an_address_are_told_apart_by_name(repository: Repository) -> None:
    repository.raw_commit(b"Ada Formless <>")
    first = plan(repository)
    assert profile(first[0])["username"] == "Ada Formless"


def test_moved_vendored_and_unknown_files_are_no_work_of_the_author(repository: Repository) -> None:
    repository.commit(ADA, a_py="a\nb\n")
    repository.git("mv", "a.py", "b\n c.py")
    repository.commit(BOB, vendor__x_py="a\n", x_min_js="a\n", notes_txt="a\n", y_go="a\n")
    ada, bob = plan(repository)
    assert [entry["language"] for entry in work(ada)["languages"]] == ["Python"]
    assert [entry["language"] for entry in work(bob)["languages"]] == ["Go"]


def test_the_ten_languages_with_most_lines_are_listed(repository: Repository) -> None:
    extensions = ["py", "rs", "go", "c", "js", "ts", "java", "rb", "php", "lua", "zig", "nim"]
    files = {f"x_{extension}": "a\n" * (index + 1) for index, extension in enumerate(extensions)}
    repository.commit(ADA, **files)
    (person,) = plan(repository)
    lines = [entry["lines"] for entry in work(person)["languages"]]
    assert lines == list(range(12, 2, -1))


def test_a_subfolder_a_bare_clone_and_a_hooks_environment_read_the_same_history(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(sub__a_py="a\n", b_go="a\n")
    whole = plan(repository)
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert list(plan_git(tmp_path / "bare.git")) == whole
    assert list(plan_git(repository.path / "sub")) == whole


def test_a_source_without_a_history_is_told_at_once_and_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    Repository(tmp_path / "empty")
    origin = Repository(tmp_path / "origin")
    origin.commit()
    origin.commit()
    origin.git("clone", "-q", "--depth", "1", f"file://{origin.path}", str(tmp_path / "shallow"))
    for name, text in (
        ("missing", "no such folder"), ("plain", "not a git repository"),
        ("empty", "no commits"), ("shallow", "shallow"),
    ):  # fmt: skip
        with pytest.raises(ImportSourceError, match=text) as raised:
            plan_git(tmp_path / name)
        assert "\n" not in str(raised.value)


def test_a_machine_without_git_is_told(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.path))
    with pytest.raises(ImportSourceError, match="git is not installed"):
        plan_git(repository.path)
