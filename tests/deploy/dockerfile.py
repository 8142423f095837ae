"""Reads the instructions of the Dockerfile."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def instructions(keyword: str) -> list[str]:
    """The arguments of an instruction, as often as it comes."""
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    return [" ".join(line.split()[1:]) for line in joined.splitlines() if line.startswith(f"{keyword} ")]
