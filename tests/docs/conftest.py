"""The pages that people read."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.docs.generated import ROOT

LEFT_OUT = {".git", ".venv", "build", "__pycache__"}


@pytest.fixture(scope="session")
def project_files() -> Sequence[Path]:
    """Every file of the project, as git knows them; without git all that is not left out."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    if listed.returncode == 0:
        found = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not LEFT_OUT & set(path.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file()]


@pytest.fixture(scope="session")
def all_pages(project_files: Sequence[Path]) -> Mapping[Path, str]:
    """Every markdown page of the project by its path."""
    return {path: path.read_text() for path in project_files if path.suffix == ".md"}
