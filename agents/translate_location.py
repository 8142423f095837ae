"""Agent translate_location: events of the location domain on person.foreign to commands for persons and signals for sagas."""

from __future__ import annotations

from agents.translating import TranslateNeighbour


class TranslateLocation(TranslateNeighbour):
    """Translates what the location domain says; the rules are `domain/translate/location.py`."""

    name = "translate_location"
    domain = "location"
