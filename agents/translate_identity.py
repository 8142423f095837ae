"""Agent translate_identity: events of the identity domain on person.foreign to commands for persons and signals for sagas."""

from __future__ import annotations

from agents.translating import TranslateNeighbour


class TranslateIdentity(TranslateNeighbour):
    """Translates what the identity domain says; the rules are `domain/translate/identity.py`."""

    name = "translate_identity"
    domain = "identity"
