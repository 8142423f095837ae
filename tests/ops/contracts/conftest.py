"""The documents that the code makes, and a way to check values against them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ops.contracts.documents import documents
from ops.contracts.json_schema import Schema, sub_schemas

Check = Callable[[str, Any], list[str]]


@pytest.fixture(scope="session")
def schemas() -> Mapping[str, Schema]:
    """Every schema by its path. Nobody may change them."""
    return documents()


@pytest.fixture(scope="session")
def faults(schemas: Mapping[str, Schema]) -> Check:
    """What a value breaks of the schema under a path, also by fields that the schema does not name."""

    def check(path: str, value: Any) -> list[str]:
        validator = Draft202012Validator(closed(schemas[path]))
        return [f"{path} {error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    return check


def closed(schema: Schema) -> Schema:
    """The schema that takes no field that it does not name."""
    strict = copy.deepcopy(schema)
    for part in sub_schemas(strict):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
    return strict
