"""Reads secrets from files, so that they need not stand in an environment that other processes may see.

Guarantee: an error names the setting and the file, never what the file holds."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from connections.errors import AccessSettingError


def secret_of(value: SecretStr | None, file: Path | None, *, setting: str) -> SecretStr | None:
    """The secret that a setting or the file of its `_FILE` variant holds; None without both, AccessSettingError with both."""
    if file is None:
        return value
    if value is not None:
        raise AccessSettingError(f"{setting} and {setting}_FILE are both set: leave one of them out")
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessSettingError(f"{setting}_FILE: {file} cannot be read ({type(error).__name__})") from None
    if not text:
        raise AccessSettingError(f"{setting}_FILE: {file} is empty")
    return SecretStr(text)


def require_file(file: Path | None, *, setting: str) -> None:
    """Raise AccessSettingError when a setting names a file that is not there or cannot be read."""
    if file is None:
        return
    try:
        with file.open("rb"):
            return
    except OSError as error:
        raise AccessSettingError(f"{setting}: {file} cannot be read ({type(error).__name__})") from None
