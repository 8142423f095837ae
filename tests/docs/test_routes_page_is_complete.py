"""The page of routes names every key that a file may hold, every header that the bridge writes, every cause, and what is true of them."""

from __future__ import annotations

import ast
import re

import pytest
from pydantic import BaseModel

from bridge import header_names
from bridge.route_file import Limits, parse_routes
from bridge.routes import (
    Bounds,
    EgressRoute,
    EgressSource,
    EgressTarget,
    HeaderPolicy,
    IngressRoute,
    IngressSource,
    IngressTarget,
    Key,
    Partition,
)
from bridge.subjects import encode_token
from tests.docs.generated import REFERENCE, ROOT
from tests.docs.test_reference_is_complete import fields, first_cells, section

PAGE = (REFERENCE / "routes.md").read_text()


@pytest.mark.parametrize(
    ("heading", "models"),
    [
        ("## Keys of a route", [IngressRoute, EgressRoute]),
        ("### Source and target", [IngressSource, IngressTarget, EgressSource, EgressTarget]),
        ("### Key and partition", [Key, Partition]),
        ("### Bounds", [Bounds]),
    ],
)
def test_every_key_is_documented_and_no_other(heading: str, models: list[type[BaseModel]]) -> None:
    text = section(PAGE, heading).split("\n### ")[0]

    assert first_cells(text) == {name for model in models for name in fields(model)}


def test_every_default_of_a_bound_is_the_documented_one() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\d+)` \|", section(PAGE, "### Bounds"), re.MULTILINE))

    assert rows == {name: str(field.default) for name, field in Bounds.model_fields.items()}


def test_every_key_of_the_header_policy_is_documented() -> None:
    text = section(PAGE, "## Headers")

    assert all(f"`{name}`" in text for name in HeaderPolicy.model_fields)


def test_every_header_of_egress_is_documented() -> None:
    text = section(PAGE, "## Headers")
    names = [value for name, value in vars(header_names).items() if name.isupper() and isinstance(value, str)]

    assert {name for name in names if name.startswith("Kafka-")} - {header_names.RAW} <= first_cells(text)
    assert f"`{header_names.RAW}<n>`" in text
    assert {header_names.ORIGIN, header_names.HOPS} <= first_cells(text)


def test_every_cause_is_documented_and_no_other() -> None:
    causes = {
        call.args[0].value
        for path in (ROOT / "bridge").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") == "UnmappableError"
        and isinstance(call.args[0], ast.Constant)
    }

    assert first_cells(section(PAGE, "## Dead letters of routes")) == causes


def test_the_examples_are_routes_and_the_encodings_are_true() -> None:
    how_to = (ROOT / "docs" / "how-to" / "add-a-route.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    # A block of a list is indented.
    examples += [re.sub(r"(?m)^   ", "", one) for one in re.findall(r"```toml\n(.*?)```", how_to, re.DOTALL)]

    assert [len(parse_routes(text, "page", Limits(8))[0]) for text in examples] == [2, 1, 1]
    assert encode_token("é".encode()) == "%C3%A9"
    assert (encode_token(b""), encode_token(None)) == ("%", "%-")
