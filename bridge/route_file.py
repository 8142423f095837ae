"""Reads a file of routes. A wrong route is refused as a whole file, with line, route and rule of everything that is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bridge.errors import BridgeError
from bridge.routes import EgressRoute, IngressRoute, Route
from bridge.subjects import overlap
from bridge.toml_lines import line_of, lines_of


class RouteFileError(BridgeError):
    """A file of routes breaks rules; one line of text for each."""


@dataclass(frozen=True)
class Limits:
    """What an installation allows: its partitions, its lane topics and the names of its routers."""

    partitions: int
    required_topics: Collection[str] = ()
    routers: Collection[str] = ()


def read_routes(path: Path, packaged: Path, limits: Limits) -> list[Route]:
    """The routes of a file, followed by those of the packaged file when it says `include_packaged = true`.

    Raises RouteFileError when the file cannot be read or breaks a rule.
    """
    own, include = parse_routes(_text(path), path.name, limits)
    routes = [*own, *(parse_routes(_text(packaged), packaged.name, limits)[0] if include and path != packaged else ())]
    names = [route.name for route in routes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RouteFileError(f'{path.name}: route "{twice[0]}" is packaged already; choose another name')
    for topic in limits.required_topics:
        feeding = [route.name for route in routes if isinstance(route, IngressRoute) and route.target.topic == topic]
        if len(feeding) != 1:
            found = f"routes {', '.join(feeding)} feed" if feeding else "no route feeds"
            raise RouteFileError(
                f"{path.name}: {found} topic {topic}, which needs exactly one; "
                "say include_packaged = true to get the packaged routes"
            )
    return routes


def parse_routes(text: str, file: str, limits: Limits) -> tuple[list[Route], bool]:
    """The routes of a document and whether the packaged ones belong to it; raises RouteFileError with every broken rule."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RouteFileError(f"{file}: no TOML: {error}") from error
    problems = _Problems(file, lines_of(text))
    include = document.pop("include_packaged", False)
    if not isinstance(include, bool):
        problems.add(("include_packaged",), "include_packaged: true or false")
    entries = document.pop("route", [])
    for name in document:
        problems.add((name,), f"{name}: unknown; there are include_packaged and [[route]]")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.add(("route",), "route: a list of tables, each begins with [[route]]")
        entries = []
    routes: dict[int, Route] = {}
    for index, entry in enumerate(entries):
        route = _route(index, entry, problems)
        if route is not None:
            routes[index] = route
    _check_each(routes, limits, problems)
    _check_together(routes, problems)
    problems.raise_any()
    return list(routes.values()), bool(include)


class _Problems:
    """Collects broken rules with their lines."""

    def __init__(self, file: str, lines: Mapping[tuple[str | int, ...], int]) -> None:
        self._file = file
        self._lines = lines
        self._found: list[tuple[int, str]] = []

    def add(self, path: Sequence[str | int], text: str) -> None:
        self._found.append((line_of(self._lines, path), text))

    def raise_any(self) -> None:
        if self._found:
            raise RouteFileError("\n".join(f"{self._file} line {line}: {text}" for line, text in sorted(self._found)))


def _route(index: int, entry: dict[str, Any], problems: _Problems) -> Route | None:
    shown = f'route "{entry["name"]}"' if isinstance(entry.get("name"), str) else f"route {index + 1}"
    direction = entry.get("direction")
    if direction not in ("ingress", "egress"):
        problems.add(("route", index, "direction"), f"{shown}: direction: ingress or egress")
        return None
    try:
        return (IngressRoute if direction == "ingress" else EgressRoute).model_validate(entry)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False, include_context=False):
            rule = one["msg"].removeprefix("Value error, ")
            rule = {"missing": "is missing", "extra_forbidden": "unknown key"}.get(one["type"], rule)
            where = ".".join(str(part) for part in one["loc"])
            # A rule that names its place itself belongs to the whole route.
            problems.add(
                ("route", index, *(one["loc"] or rule.partition(":")[0].split("."))),
                f"{shown}: {where}: {rule}" if where else f"{shown}: {rule}",
            )
        return None


def _check_each(routes: Mapping[int, Route], limits: Limits, problems: _Problems) -> None:
    for index, route in routes.items():
        shown = f'route "{route.name}"'
        if isinstance(route, EgressRoute):
            continue
        if route.router is not None and route.router not in limits.routers:
            known = ", ".join(sorted(limits.routers)) or "none"
            problems.add(("route", index, "router"), f"{shown}: router: unknown; there are: {known}")
        if route.owner is not None and route.owner >= limits.partitions:
            problems.add(
                ("route", index, "owner"), f"{shown}: owner: a partition below {limits.partitions} (PERSON_PARTITIONS)"
            )


def _check_together(routes: Mapping[int, Route], problems: _Problems) -> None:
    names: set[str] = set()
    consumers: dict[tuple[str, str], str] = {}
    checkpoints: dict[tuple[str, str], str] = {}
    for index, route in routes.items():
        shown = f'route "{route.name}"'
        if route.name in names:
            problems.add(("route", index, "name"), f"{shown}: name: another route has it")
        names.add(route.name)
        if isinstance(route, IngressRoute):
            other = consumers.setdefault((route.source.stream, route.consumer(0)), route.name)
            if other != route.name:
                problems.add(
                    ("route", index, "source", "consumer"),
                    f'{shown}: source.consumer: route "{other}" reads through it',
                )
            continue
        other = checkpoints.setdefault((route.target.stream, route.checkpoint), route.name)
        if other != route.name:
            problems.add(
                ("route", index, "target", "checkpoint"),
                f'{shown}: target.checkpoint: route "{other}" keeps its position there',
            )
        for back in routes.values():
            if isinstance(back, IngressRoute) and _unguarded_loop(route, back):
                problems.add(
                    ("route", index, "loop_guard"),
                    f'{shown}: loop_guard: route "{back.name}" carries the records back and neither has a guard',
                )


def _unguarded_loop(out: EgressRoute, back: IngressRoute) -> bool:
    return (
        out.loop_guard == back.loop_guard == "off"
        and out.source.topic == back.target.topic
        and out.target.stream == back.source.stream
        and overlap(out.target.subject_filter, (back.source.filter or ">").replace("{partition}", "*"))
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8"
        raise RouteFileError(f"{path.name}: cannot be read ({reason}); PERSON_ROUTES_FILE names the file") from error
