"""Owns the one error of the embedded stack; its text is a single line that says what to do."""


class StackError(Exception):
    """The embedded stack cannot start or go on; the message names the remedy."""
