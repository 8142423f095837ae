"""The help of a verb ends with the names that its argument may have, those with the same first word in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click


def listing(title: str, names: Callable[[], Iterable[str]]) -> type[click.Command]:
    """A command whose help lists `names` under `title`; they are asked for when the help is shown, and not before."""

    class Listed(click.Command):
        def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            super().format_epilog(ctx, formatter)
            with formatter.section(title):
                for line in _lines(names()):
                    formatter.write_text(line)

    return Listed


def _lines(names: Iterable[str]) -> list[str]:
    """`create update`, then `lifecycle.archive lifecycle.suspend`: names without a point first."""
    lines: dict[str, list[str]] = {"": []}
    for name in names:
        first, point, _ = name.partition(".")
        lines.setdefault(first if point else "", []).append(name)
    return [" ".join(line) for line in lines.values() if line]
