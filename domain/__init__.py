"""The pure Person domain: commands, decisions, events, states and their views; no I/O, clock or randomness."""
