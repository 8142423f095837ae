"""Ordered values of filters: how well somebody is identified, how well somebody knows something."""

from __future__ import annotations

from typing import get_args

from domain.components.skill import Proficiency
from domain.relations import VerificationLevel

IDENTITY_LEVELS: tuple[str, ...] = get_args(VerificationLevel)
PROFICIENCIES: tuple[str, ...] = get_args(Proficiency)
