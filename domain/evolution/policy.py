"""Effects of the events of activity, notifications and quality."""

from domain.evolution.base import effects

EFFECTS, on = effects()
