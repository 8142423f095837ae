"""Agent translate_organization: events of the organization domain on person.foreign to commands for persons and signals for sagas."""

from __future__ import annotations

from agents.translating import TranslateNeighbour


class TranslateOrganization(TranslateNeighbour):
    """Translates what the organization domain says; the rules are `domain/translate/organization.py`."""

    name = "translate_organization"
    domain = "organization"
