"""Agent translate_git: events of the git domain on person.foreign to commands for persons and signals for sagas."""

from __future__ import annotations

from agents.translating import TranslateNeighbour


class TranslateGit(TranslateNeighbour):
    """Translates what the git domain says; the rules are `domain/translate/git.py`."""

    name = "translate_git"
    domain = "git"
