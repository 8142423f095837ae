"""What a route is: from where, to where, under which key, partition or subject, with which headers and bounds.

The rules that a single route must keep are here; `bridge/route_file.py` reads routes and says which line breaks a rule."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from bridge.subjects import is_subject, overlap

PARTITION = "{partition}"
"""Stands for the partition in the filter and the consumer name of an ingress route that has one consumer per partition."""

MAX_BATCH = 999
"""Records of one atomic batch; the server's limit is 1000, the checkpoint among them."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Stream = Annotated[str, StringConstraints(pattern=r"^[^\s.*>/\\]{1,255}$")]
LoopGuard = Literal["origin", "hops", "off"]

_PLACEHOLDER = re.compile(r"\{([a-z]+)(?::([^{}]+))?\}")


class Model(BaseModel):
    """Strict and closed: a value of another type and an unknown key are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Key(Model):
    """Where the key of a Kafka record comes from."""

    origin: Literal["token", "header", "field", "none"] = Field(alias="from")
    token: int | None = Field(None, ge=0)
    header: str | None = Field(None, min_length=1)
    field: str | None = Field(None, min_length=1)
    encoded: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _one_source(self.origin, {"token": self.token, "header": self.header, "field": self.field})
        if self.encoded and self.origin != "token":
            raise ValueError("only a subject token is encoded")
        return self


class Partition(Model):
    """Where the partition of a Kafka record comes from; `key` hashes the key as the server's `partition()` does."""

    origin: Literal["token", "header", "key", "fixed"] = Field(alias="from")
    token: int | None = Field(None, ge=0)
    header: str | None = Field(None, min_length=1)
    number: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _one_source(self.origin, {"token": self.token, "header": self.header, "fixed": self.number})
        return self


class HeaderPolicy(Model):
    """Which user headers pass, by patterns over names in lower case, and whether CloudEvents attributes are mapped."""

    allow: list[str] = Field(default_factory=lambda: ["*"])
    deny: list[str] = Field(default_factory=list)
    cloudevents: bool = True

    @field_validator("allow", "deny")
    @classmethod
    def _lower_case(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if not pattern or pattern != pattern.lower():
                raise ValueError(f"a pattern is a text in lower case, like x-*; {pattern!r} is not")
        return patterns


class Bounds(Model):
    """What a route holds in memory at most: per consumer (ingress) or per partition (egress)."""

    batch: int = Field(900, ge=1)
    batch_bytes: int = Field(4 << 20, ge=1 << 10, le=64 << 20)
    messages: int = Field(5_000, ge=1)
    bytes: int = Field(16 << 20, ge=1 << 16)


class IngressSource(Model):
    """A stream, a filter and the durable consumer that remembers the place.

    `partitions` says how many the subjects of the stream were partitioned by, where it is another number than that of the application.
    """

    stream: Stream
    filter: str | None = None
    consumer: str | None = Field(None, pattern=r"^[^\s.*>/\\]{1,255}$")
    partitions: int | None = Field(None, ge=1)

    @field_validator("filter")
    @classmethod
    def _is_filter(cls, text: str | None) -> str | None:
        if text is not None:
            tokens = text.replace(PARTITION, "0").split(".")
            legal = all(token in ("*", ">") or is_subject(token) for token in tokens)
            if not legal or ">" in tokens[:-1]:
                raise ValueError("a filter is a subject whose tokens may be * and whose last one may be >")
        return text


class IngressTarget(Model):
    """A Kafka topic."""

    topic: Topic


class EgressSource(Model):
    """A Kafka topic."""

    topic: Topic


class EgressTarget(Model):
    """A stream, a template of the subject and the prefix of the subjects that hold the positions."""

    stream: Stream
    subject: str
    checkpoint: str | None = None
    encode: bool = True

    @field_validator("subject")
    @classmethod
    def _is_template(cls, text: str) -> str:
        for kind, argument in _PLACEHOLDER.findall(text):
            if kind not in ("key", "partition", "topic", "header", "field"):
                raise ValueError(
                    f"there is no placeholder {{{kind}}}; there are key, partition, topic, header and field"
                )
            if (kind in ("header", "field")) != bool(argument):
                raise ValueError(
                    f"{{{kind}}} needs a name, as in {{{kind}:name}}" if not argument else f"{{{kind}}} takes no name"
                )
        plain = _PLACEHOLDER.sub("x", text)
        if "{" in plain or "}" in plain or not is_subject(plain) or plain.startswith("$"):
            raise ValueError("a subject is a template of tokens without spaces and wildcards, like orders.{key}")
        return text

    @field_validator("checkpoint")
    @classmethod
    def _is_subject(cls, text: str | None) -> str | None:
        if text is not None and (not is_subject(text) or text.startswith("$")):
            raise ValueError("the prefix of the checkpoint is a subject without wildcards")
        return text

    @property
    def subject_filter(self) -> str:
        """A filter that matches every subject of the template."""
        if not self.encode and "{" in self.subject:
            # A value may hold several tokens.
            before = _PLACEHOLDER.split(self.subject, maxsplit=1)[0].split(".")[:-1]
            return ".".join([*before, ">"])
        return ".".join("*" if "{" in token else token for token in _PLACEHOLDER.sub("{}", self.subject).split("."))

    @property
    def placeholders(self) -> list[tuple[str, str]]:
        """Kind and name of each placeholder, in order."""
        return _PLACEHOLDER.findall(self.subject)

    def parts(self) -> list[str]:
        """The texts around the placeholders, one more than there are placeholders."""
        return _PLACEHOLDER.sub("\0", self.subject).split("\0")


class IngressRoute(Model):
    """JetStream to Kafka."""

    name: Name
    direction: Literal["ingress"]
    source: IngressSource
    target: IngressTarget
    router: Name | None = None
    key: Key | None = None
    partition: Partition | None = None
    headers: HeaderPolicy = Field(default_factory=HeaderPolicy)
    loop_guard: LoopGuard = "origin"
    max_hops: int = Field(8, ge=1)
    owner: int | None = Field(None, ge=0)
    optional: bool = False
    bounds: Bounds = Field(default_factory=Bounds)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.router is not None and (self.key is not None or self.partition is not None):
            raise ValueError("router: it chooses key and partition, so neither may be given")
        if self.router is None and self.partition is None:
            raise ValueError('partition is missing: say where it comes from, like partition = { from = "key" }')
        if (
            self.partition is not None
            and self.partition.origin == "key"
            and (self.key is None or self.key.origin == "none")
        ):
            raise ValueError('partition: from = "key" needs a key')
        if self.source.partitions is not None and not (
            self.per_partition and self.partition is not None and self.partition.origin == "key"
        ):
            raise ValueError(f'source.partitions: needs {PARTITION} in the filter and partition = {{ from = "key" }}')
        if self.per_partition and self.owner is not None:
            raise ValueError("owner: the owner of each partition runs its consumer")
        consumer = self.source.consumer
        if self.per_partition and consumer is not None and PARTITION not in consumer:
            raise ValueError(f"source.consumer: there is one per partition, so its name needs {PARTITION}")
        if not self.per_partition and PARTITION in (consumer or ""):
            raise ValueError(f"source.consumer: the filter has no {PARTITION}, so there is one consumer")
        return self

    @property
    def per_partition(self) -> bool:
        """Whether there is one consumer per partition, run by its owner."""
        return PARTITION in (self.source.filter or "")

    def filters(self, partition: int | None, partitions: int) -> list[str]:
        """The filters of the consumer of one of so many partitions; without a partition those of the one consumer.

        A stream that was partitioned by another number has the persons of a partition under all tokens that agree with it in the
        greatest common divisor of the two: under those, and perhaps persons of other partitions.
        """
        if self.source.filter is None:
            return []
        tokens: list[int | None] = [partition]
        if self.source.partitions is not None and partition is not None:
            step = math.gcd(self.source.partitions, partitions)
            tokens = list(range(partition % step, self.source.partitions, step))
        return [self.source.filter.replace(PARTITION, str(token)) for token in tokens]

    def consumer(self, partition: int | None) -> str:
        """The name of the durable consumer, of one partition if there is one for each."""
        name = self.source.consumer or (f"{self.name}-{PARTITION}" if self.per_partition else self.name)
        return name.replace(PARTITION, str(partition))


class EgressRoute(Model):
    """Kafka to JetStream."""

    name: Name
    direction: Literal["egress"]
    source: EgressSource
    target: EgressTarget
    headers: HeaderPolicy = Field(default_factory=HeaderPolicy)
    loop_guard: LoopGuard = "origin"
    max_hops: int = Field(8, ge=1)
    bounds: Bounds = Field(default_factory=Bounds)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.bounds.batch > MAX_BATCH:
            raise ValueError(f"bounds.batch: an atomic batch holds at most {MAX_BATCH} records and the checkpoint")
        if overlap(self.target.subject_filter, f"{self.checkpoint}.*"):
            raise ValueError(f"target.checkpoint: {self.checkpoint}.* overlaps with the subjects of the records")
        return self

    @property
    def checkpoint(self) -> str:
        """Prefix of the subjects that hold the position; the partition is the last token."""
        return self.target.checkpoint or f"bridge.checkpoints.{self.name}"


Route = IngressRoute | EgressRoute


def _one_source(origin: str, given: dict[str, object]) -> None:
    """The one detail that belongs to an origin is there, and no other."""
    needs = {
        "token": "a subject token needs a number",
        "header": "a header needs a name",
        "field": "a field needs a path",
        "fixed": "a fixed partition needs a number",
    }
    if origin in needs and given.get(origin) is None:
        raise ValueError(needs[origin])
    for name, value in given.items():
        if value is not None and name != origin:
            shown = "number" if name == "fixed" else name
            raise ValueError(f'{shown} does not belong to from = "{origin}"')
