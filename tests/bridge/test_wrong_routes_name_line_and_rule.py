"""A wrong route is refused before anything runs; the message names file, line, route and rule."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.route_file import Limits, RouteFileError, parse_routes, read_routes
from bridge.routes import IngressRoute
from bridge.toml_lines import line_of, lines_of
from config.routes import FED_TOPICS, PACKAGED, ROUTERS
from config.streams import NEIGHBOURS, neighbour_stream
from config.topics import FOREIGN

LIMITS = Limits(8, FED_TOPICS, ROUTERS)
INGRESS = """
[[route]]
name = "x"
direction = "ingress"

[route.source]
stream = "S"
filter = "s.>"

[route.target]
topic = "t"
"""
EGRESS = """
[[route]]
name = "y"
direction = "egress"
source = { topic = "t" }

[route.target]
stream = "S"
subject = "s.{key}"
"""


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        (INGRESS + '[route.key]\nfrom = "token"\n', 12, 'route "x": key: a subject token needs a number'),
        (INGRESS + '[route.key]\nfrom = "header"\n', 12, 'route "x": key: a header needs a name'),
        (
            INGRESS + '[route.key]\nfrom = "none"\ntoken = 1\n',
            12,
            'route "x": key: token does not belong to from = "none"',
        ),
        (INGRESS, 2, 'route "x": partition is missing: say where it comes from, like partition = { from = "key" }'),
        (INGRESS + '[route.partition]\nfrom = "key"\n', 12, 'route "x": partition: from = "key" needs a key'),
        (
            INGRESS + '[route.partition]\nfrom = "fixed"\nnumber = "0"\n',
            14,
            'route "x": partition.number: Input should be a valid integer',
        ),
        (INGRESS + 'colour = "red"\n', 12, 'route "x": target.colour: unknown key'),
        (INGRESS.replace('stream = "S"', 'stream = "S.a"'), 7, 'route "x": source.stream: String should match'),
        (INGRESS.replace("s.>", "s.>.a"), 8, 'route "x": source.filter: a filter is a subject'),
        (INGRESS.replace('"ingress"', '"sideways"'), 4, 'route "x": direction: ingress or egress'),
        (INGRESS.replace('name = "x"', 'name = "x"\nrouter = "nobody"'), 4, 'route "x": router: unknown; there are:'),
        (
            INGRESS.replace('name = "x"', 'name = "x"\nowner = 8\npartition = { from = "fixed", number = 0 }'),
            4,
            'route "x": owner: a partition below 8 (PERSON_PARTITIONS)',
        ),
        (EGRESS.replace("{key}", "{colour}"), 9, 'route "y": target.subject: there is no placeholder {colour}'),
        (EGRESS.replace("{key}", "{header}"), 9, 'route "y": target.subject: {header} needs a name'),
        (EGRESS.replace("s.{key}", "s.*"), 9, 'route "y": target.subject: a subject is a template'),
        (EGRESS + 'checkpoint = "s"\n', 10, 'route "y": target.checkpoint: s.* overlaps'),
        (EGRESS + "[route.bounds]\nbatch = 1000\n", 11, 'route "y": bounds.batch: an atomic batch holds at most 999'),
        (
            EGRESS + '[route.headers]\nallow = ["X-*"]\n',
            11,
            'route "y": headers.allow: a pattern is a text in lower case',
        ),
        (EGRESS + EGRESS, 12, 'route "y": name: another route has it'),
        ("[[route]]\nname = 1\n", 1, "route 1: direction: ingress or egress"),
        ("colour = 1\n", 1, "colour: unknown; there are include_packaged and [[route]]"),
        ('include_packaged = "yes"\n', 1, "include_packaged: true or false"),
        ("route = 1\n", 1, "route: a list of tables"),
    ],
)
def test_the_message_names_line_route_and_rule(text: str, line: int, rule: str) -> None:
    with pytest.raises(RouteFileError) as refused:
        parse_routes(text, "routes.toml", LIMITS)

    assert f"routes.toml line {line}: {rule}" in str(refused.value)


def test_every_wrong_route_is_named_at_once() -> None:
    text = INGRESS + INGRESS.replace('"x"', '"z"')

    with pytest.raises(RouteFileError) as refused:
        parse_routes(text, "routes.toml", LIMITS)

    assert [one.split(":")[0] for one in str(refused.value).splitlines()] == [
        "routes.toml line 2",
        "routes.toml line 13",
    ]


def test_what_is_no_toml_is_named_with_its_line() -> None:
    with pytest.raises(RouteFileError, match=r"routes.toml: no TOML: .*line 2"):
        parse_routes('a = 1\nb = "\n', "routes.toml", LIMITS)


def test_two_routes_that_pass_records_round_without_a_guard_are_refused() -> None:
    back = INGRESS.replace('"x"', '"x"\nloop_guard = "off"\npartition = { from = "fixed", number = 0 }')

    with pytest.raises(RouteFileError, match='route "x" carries the records back and neither has a guard'):
        parse_routes(EGRESS.replace('"y"', '"y"\nloop_guard = "off"') + back, "routes.toml", LIMITS)

    assert len(parse_routes(EGRESS + back, "routes.toml", LIMITS)[0]) == 2


def test_the_packaged_file_feeds_the_lanes_and_a_file_may_include_it(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("include_packaged = true\n" + EGRESS)

    packaged = read_routes(PACKAGED, PACKAGED, LIMITS)
    both = read_routes(own, PACKAGED, LIMITS)

    needed = [route for route in packaged if isinstance(route, IngressRoute) and not route.optional]
    optional = [route for route in packaged if isinstance(route, IngressRoute) and route.optional]
    assert sorted(route.target.topic for route in needed) == sorted(FED_TOPICS)
    # What other domains say comes from streams that are theirs.
    assert [route.source.stream for route in optional] == [neighbour_stream(domain) for domain in NEIGHBOURS]
    assert {route.target.topic for route in optional} == {FOREIGN}
    assert [route.name for route in both] == ["y", *(route.name for route in packaged)]


def test_a_file_that_feeds_no_lane_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(EGRESS)

    with pytest.raises(RouteFileError, match=r"own.toml: no route feeds topic person.events.*include_packaged = true"):
        read_routes(own, PACKAGED, LIMITS)
    with pytest.raises(RouteFileError, match="cannot be read"):
        read_routes(tmp_path / "missing.toml", PACKAGED, LIMITS)


def test_the_line_of_every_kind_of_table_and_key_is_found() -> None:
    text = '''# comment [not.a.table]
top = """
[also.no.table]
key = 1
"""
[a]  # the table
"quoted key" = { b = [1,
  2], c = "# no comment" }
d.e = 1
[[list]]
x = [
  "]",
]
[list.sub]
y = 1
[[list]]
[[list.inner]]
z = 1
[[list.inner]]
z = \'\'\'
z = 2
\'\'\'
w = 1
'''
    lines = lines_of(text)

    assert tomllib.loads(text)["list"][1]["inner"][1]["w"] == 1
    assert {path: line for path, line in lines.items() if path} == {
        ("top",): 2,
        ("a",): 6,
        ("a", "quoted key"): 7,
        ("a", "d", "e"): 9,
        ("list", 0): 10,
        ("list", 0, "x"): 11,
        ("list", 0, "sub"): 14,
        ("list", 0, "sub", "y"): 15,
        ("list", 1): 16,
        ("list", 1, "inner", 0): 17,
        ("list", 1, "inner", 0, "z"): 18,
        ("list", 1, "inner", 1): 19,
        ("list", 1, "inner", 1, "z"): 20,
        ("list", 1, "inner", 1, "w"): 23,
    }
    assert line_of(lines, ("a", "quoted key", "b", 0)) == 7
    assert line_of(lines, ("list", 0, "sub", "tag-of-a-validator", "y")) == 15
    assert line_of(lines, ("nothing",)) == 1


@given(
    st.recursive(
        st.one_of(st.integers(), st.booleans(), st.text("abc", max_size=3)),
        lambda inner: st.dictionaries(st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True), inner, max_size=4),
        max_leaves=12,
    ).filter(lambda value: isinstance(value, dict))
)
def test_every_key_of_a_document_has_the_line_on_which_it_was_written(document: dict[str, Any]) -> None:
    written: dict[tuple[str | int, ...], int] = {}
    rows: list[str] = []
    _write(document, (), rows, written)

    found = lines_of("\n".join(rows))

    assert tomllib.loads("\n".join(rows)) == document
    assert {path: found.get(path) for path in written} == written


def _write(table: dict[str, Any], path: tuple[str, ...], rows: list[str], written: dict[Any, int]) -> None:
    for name, value in table.items():
        if not isinstance(value, dict):
            shown = str(value).lower() if isinstance(value, bool) else repr(value)
            rows.append(f"{name} = {shown}")
            written[(*path, name)] = len(rows)
    for name, value in table.items():
        if isinstance(value, dict):
            rows.append(f"[{'.'.join((*path, name))}]")
            written[(*path, name)] = len(rows)
            _write(value, (*path, name), rows, written)
