"""Decides on titles and attributes."""

from collections.abc import Mapping
from typing import Final

from domain.command_data.base import CommandData
from domain.decisions.base import Decision

DECISIONS: Final[Mapping[type[CommandData], Decision]] = {}
