"""How neighbours misbehave: shares and delays by domain and verb, and the plan that follows from them for one command.

A plan depends on the seed, the command id and the number of the delivery alone, so whoever knows these knows what a neighbour did."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from local.errors import StackError
from local.neighbours.streams import DOMAINS

Share = Annotated[float, Field(ge=0, le=1)]
What = Literal["answer", "refuse", "lose", "stall", "silence"]

_OF_FILE = frozenset({"seed", "default", *DOMAINS})
_MAX_DELAY_FACTOR = 10


class Faults(BaseModel):
    """How one verb is treated; the shares of `refuse`, `lose`, `stall` and `silence` exclude each other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_ms: float = Field(0.0, ge=0, description="Mean delay of an answer; delays are exponentially distributed.")
    refuse: Share = Field(0.0, description="Share of commands that are rejected.")
    lose: Share = Field(0.0, description="Share of commands whose first delivery is lost; a second one is answered.")
    stall: Share = Field(0.0, description="Share of commands that are answered late.")
    stall_s: float = Field(90.0, ge=0, description="How late a stalled command is answered, in seconds.")
    silence: Share = Field(0.0, description="Share of commands that are never answered, however often they come.")
    duplicate: Share = Field(0.0, description="Share of answers that are given twice.")

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.refuse + self.lose + self.stall + self.silence > 1 + 1e-9:
            raise ValueError("refuse, lose, stall and silence are together more than 1")
        return self


@dataclass(frozen=True)
class Plan:
    """What is done with one delivery of a command."""

    what: What
    delay_s: float
    twice: bool


@dataclass(frozen=True)
class Behaviour:
    """The faults of all neighbours. `verbs` has the keys (domain, verb)."""

    seed: int = 0
    default: Faults = field(default_factory=Faults)
    domains: Mapping[str, Faults] = field(default_factory=dict)
    verbs: Mapping[tuple[str, str], Faults] = field(default_factory=dict)

    def faults(self, domain: str, verb: str) -> Faults:
        """Those of the verb, else of the domain, else the default ones."""
        return self.verbs.get((domain, verb)) or self.domains.get(domain) or self.default

    def plan(self, domain: str, verb: str, command_id: str, delivery: int) -> Plan:
        """What happens to delivery 1, 2, ... of a command."""
        faults = self.faults(domain, verb)
        fate = Random(f"{self.seed}:{command_id}").random()  # noqa: S311 - repeatable, not secret
        what = _fate(faults, fate)
        if what == "lose" and delivery > 1:
            what = "answer"
        of_delivery = Random(f"{self.seed}:{command_id}:{delivery}")  # noqa: S311 - repeatable, not secret
        delay_ms = 0.0
        if faults.delay_ms:
            delay_ms = min(of_delivery.expovariate(1 / faults.delay_ms), _MAX_DELAY_FACTOR * faults.delay_ms)
        twice = of_delivery.random() < faults.duplicate
        return Plan(what, faults.stall_s if what == "stall" else delay_ms / 1000, twice)


def _fate(faults: Faults, fate: float) -> What:
    shares: tuple[tuple[What, float], ...] = (
        ("refuse", faults.refuse),
        ("lose", faults.lose),
        ("stall", faults.stall),
        ("silence", faults.silence),
    )
    for what, share in shares:
        if fate < share:
            return what
        fate -= share
    return "answer"


def read_behaviour(path: Path) -> Behaviour:
    """Read a TOML file: `seed`, and the tables `[default]`, `[<domain>]`, `[<domain>.<verb>]`, each filled up from the one above.

    Raises StackError with the table, the field and the rule.
    """
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise StackError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StackError(f"{path}: no TOML: {error}") from error
    return behaviour_of(document, str(path))


def behaviour_of(document: Mapping[str, Any], where: str) -> Behaviour:
    """The behaviour that a document describes; raises StackError."""
    unknown = sorted(set(document) - _OF_FILE)
    if unknown:
        raise StackError(f"{where}: {unknown[0]} is no table; there are: {', '.join(sorted(_OF_FILE))}")
    seed = document.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise StackError(f"{where}: seed must be an integer")
    default = _faults(where, "default", Faults(), document.get("default", {}))
    domains, verbs = {}, {}
    for domain in DOMAINS:
        table = document.get(domain, {})
        if not isinstance(table, Mapping):
            raise StackError(f"{where}: {domain} must be a table")
        own = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
        domains[domain] = _faults(where, domain, default, own)
        for verb, value in table.items():
            if isinstance(value, Mapping):
                verbs[domain, verb] = _faults(where, f"{domain}.{verb}", domains[domain], value)
    return Behaviour(seed, default, domains, verbs)


def _faults(where: str, table: str, above: Faults, values: object) -> Faults:
    if not isinstance(values, Mapping):
        raise StackError(f"{where}: {table} must be a table")
    try:
        return Faults(**{**above.model_dump(), **values})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, (table, *first["loc"])))
        raise StackError(f"{where}: {name}: {first['msg']}") from None
