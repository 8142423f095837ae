"""Agent translate_agent: events of the agent domain on person.foreign to commands for persons and signals for sagas."""

from __future__ import annotations

from agents.translating import TranslateNeighbour


class TranslateAgent(TranslateNeighbour):
    """Translates what the agent domain says; the rules are `domain/translate/agent.py`."""

    name = "translate_agent"
    domain = "agent"
