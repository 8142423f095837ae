"""Owns the one error of connection settings; its text names the setting and the rule."""


class AccessSettingError(ValueError):
    """Settings of a connection contradict each other, or a file that one names cannot be used."""
