"""A picture of latency against offered load: p95 of every engine, and p99 of this system's, both axes logarithmic, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 960, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 330, 40, 60
COLOURS = (
    "#0b6e4f",
    "#1f78b4",
    "#6a3d9a",
    "#e31a1c",
    "#ff7f00",
    "#b15928",
    "#e7298a",
    "#666666",
    "#a6761d",
    "#00a6a6",
    "#111111",
)
X_TICKS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
Y_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 30_000)


class Line(NamedTuple):
    """One line: offered events per second and milliseconds."""

    label: str
    points: Sequence[tuple[float, float]]
    dashed: bool


def picture(report: dict[str, Any]) -> str:
    """The picture of a report; without open-loop runs it has axes only."""
    lines = list(_lines(report))
    rates = [rate for line in lines for rate, _ in line.points] or [100, 10_000]
    times = [taken for line in lines for _, taken in line.points] or [1, 100]
    across = _scale(min(rates), max(rates), LEFT, WIDTH - RIGHT)
    up = _scale(min(times), max(times), HEIGHT - BOTTOM, TOP)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">Due time to visible and changelog-acknowledged, ms (p95; dashed p99)</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 15}">offered events per second</text>',
    ]
    for tick in X_TICKS:
        if min(rates) <= tick <= max(rates):
            x = across(tick)
            drawn.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
            drawn.append(f'<text x="{x:.0f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:,}</text>')
    for tick in Y_TICKS:
        if min(times) <= tick <= max(times):
            y = up(tick)
            drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
            drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{tick:,}</text>')
    colours: dict[str, str] = {}
    for line in lines:
        colour = colours.setdefault(line.label, COLOURS[len(colours) % len(COLOURS)])
        path = " ".join(f"{across(rate):.1f},{up(taken):.1f}" for rate, taken in line.points)
        dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        drawn += [
            f'<circle cx="{across(rate):.1f}" cy="{up(taken):.1f}" r="3" fill="{colour}"/>'
            for rate, taken in line.points
        ]
    for number, (label, colour) in enumerate(colours.items()):
        y = TOP + 10 + 20 * number
        drawn.append(f'<rect x="{WIDTH - RIGHT + 20}" y="{y - 9}" width="12" height="12" fill="{colour}"/>')
        drawn.append(f'<text x="{WIDTH - RIGHT + 38}" y="{y + 2}">{escape(label)}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _lines(report: dict[str, Any]) -> Iterator[Line]:
    from benchmarks.engines.catalogue import ENGINES

    by_engine = report.get("open_loop", {})
    for engine in ENGINES:
        runs = [
            *by_engine.get(engine.name, {}).values(),
            *report.get("curves", {}).get(engine.name, {}).get("runs", []),
        ]
        yield from _of(engine.label, runs, engine.name.startswith("lanes"))
    yield from _of("main job: JetStream to all tables", report.get("main_job", {}).get("open_loop", []), True)


def _of(label: str, runs: Sequence[dict[str, Any]], with_p99: bool) -> Iterator[Line]:
    sound = sorted(
        (run for run in runs if not run["overloaded"] and run["visible"]["samples"]), key=lambda run: run["rate"]
    )
    for name in ("p95", "p99") if with_p99 else ("p95",):
        points = [(run["rate"], max(run["visible"][name], 0.1)) for run in sound]
        if points:
            yield Line(label, points, name == "p99")


def _scale(low: float, high: float, start: float, end: float) -> Any:
    span = math.log(high / low) or 1.0
    return lambda value: start + (end - start) * math.log(value / low) / span
