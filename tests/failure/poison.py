"""The name that the defective application cannot fold."""

POISON = "Poison"
