"""Effects of the events of consent, exports, legal holds and erasure."""

from domain.evolution.base import effects

EFFECTS, on = effects()
