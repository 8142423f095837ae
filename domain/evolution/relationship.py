"""Effects of the events of links to other domains."""

from domain.evolution.base import effects

EFFECTS, on = effects()
