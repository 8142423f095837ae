"""All settings of the application, read from the environment with the prefix `PERSON_`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from config.access_settings import AccessSettings


class Settings(AccessSettings):
    """One value per setting; a wrong one is refused at start with its name and rule."""

    model_config = SettingsConfigDict(env_prefix="PERSON_", extra="ignore", frozen=True)

    app_id: str = Field(
        "person", description="Consumer group and prefix of changelog topics; `-<PERSON_GENERATION>` is put behind it."
    )
    generation: str = Field(
        "",
        pattern=r"^([a-z][a-z0-9]{0,19})?$",
        description="Generation that this worker builds or serves; empty for the first one of an installation.",
    )
    partitions: int = Field(
        8, ge=1, le=1024, description="Partitions of every topic and table; fixed for the life of a generation."
    )
    stream_partitions: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Partitions in the subjects of the streams, fixed for their life; PERSON_PARTITIONS if it is not set.",
    )
    replicas: int = Field(
        1,
        ge=1,
        le=5,
        description="Replicas of streams and topics; 1 with one embedded node, 3 with three and in production.",
    )
    data_dir: Path = Field(Path("build/worker"), description="Folder of this worker's RocksDB tables; one per worker.")
    http_host: str = Field("127.0.0.1", description="Host of the worker's HTTP pages and its address within the group.")
    http_port: int = Field(6066, ge=1, le=65535, description="Port of the worker's HTTP pages; one per worker.")
    standby_replicas: int = Field(1, ge=0, description="Workers that keep a warm copy of a table partition.")
    standby_share: float = Field(
        0.3, gt=0, le=1, description="Share of a serving worker's time that its standby replicas may take."
    )
    session_timeout_s: float = Field(
        5.0, ge=1, description="A worker that is silent for this long loses its partitions."
    )
    commit_interval_s: float = Field(0.25, gt=0, description="How often source offsets are committed.")
    fetch_max_wait_ms: int = Field(20, ge=1, description="Longest wait of a Kafka fetch that has too little data.")
    fetch_min_bytes: int = Field(1 << 20, ge=1, description="Data for which a waiting Kafka fetch returns early.")
    lane_max_batch: int = Field(
        8000, ge=1, le=10_000, description="Records that one cycle of an event lane takes at most."
    )
    lane_max_backlog: int = Field(20_000, ge=1, description="Records that a lane holds before its partition is paused.")
    lane_max_backlog_bytes: int = Field(
        4 << 20, ge=1, description="Bytes of record values that a lane holds before its partition is paused."
    )
    routes_file: Path | None = Field(
        None, description="File of the bridge's routes; the packaged `config/routes.toml` if it is not set."
    )
    cached_persons: int = Field(
        20_000,
        ge=0,
        description="Persons kept decoded in memory per worker; each of their components counts as one more.",
    )
    table_memory_bytes: int = Field(
        256 << 20,
        ge=16 << 20,
        description="RocksDB memory of all tables of a worker together: cached blocks, indexes, filters and write buffers.",
    )
    write_buffer_bytes: int = Field(
        8 << 20,
        ge=1 << 20,
        description="RocksDB write buffer per table partition; all of them together take at most half of PERSON_TABLE_MEMORY_BYTES.",
    )
    table_open_files: int = Field(64, ge=20, description="Files that RocksDB keeps open per table partition.")
    command_max_bytes: int = Field(1 << 20, ge=1024, description="Largest command that is accepted.")
    commands_keep_s: float = Field(
        12 * 3600.0,
        ge=0,
        le=23 * 3600.0,
        description="How long a processed command stays readable in its stream and topic; at most 23 hours, so that it is gone within 24.",
    )
    commands_trim_interval_s: float = Field(
        60.0, gt=0, le=1800, description="How often processed commands are trimmed."
    )
    outcomes_keep_s: float = Field(
        7 * 86_400.0,
        ge=86_400.0,
        description="How long the outcome of a command stays readable; longer than any log keeps the command.",
    )
    changelog_max_bytes: int = Field(
        8 << 20, ge=1 << 20, description="Largest record of a topic; bounds the state of one person."
    )
    saga_timeouts: str = Field(
        "",
        description="Other time limits of saga steps in seconds: `<saga>/<step>=<seconds>`, of an undo `<saga>/<step>/undo=<seconds>`, separated by commas.",
    )
    inactivity_sweep: str = Field(
        "0 0 3 * * *",
        description="When persons of whom nothing was heard for long are looked for: a schedule of JetStream in UTC, cron with seconds or `@every 24h`; empty: never.",
    )
    shipped_policies: bool = Field(
        True, description="Whether a starting worker registers and activates the policies that come with the product."
    )
    stop_budget_s: float = Field(
        20.0,
        ge=5.0,
        le=600.0,
        description="How long an orderly stop may take before the worker ends at once, which loses nothing either; a supervisor should wait some seconds longer before it kills.",
    )
    traces: bool = Field(
        False,
        description="Whether spans are written and exported by OTLP over HTTP; the standard variables `OTEL_…` say where to and how many.",
    )
    log_level: str = Field("INFO", description="Level of the worker's log.")

    @model_validator(mode="before")
    @classmethod
    def _named_by_generation(cls, values: dict[str, Any]) -> dict[str, Any]:
        generation = values.get("generation")
        if generation:
            values = {**values, "app_id": f"{values.get('app_id', cls.model_fields['app_id'].default)}-{generation}"}
        return values

    @property
    def installation(self) -> str:
        """What all generations of an installation share: PERSON_APP_ID as it was given."""
        return self.app_id.removesuffix(f"-{self.generation}") if self.generation else self.app_id

    @property
    def stored_partitions(self) -> int:
        """The partitions in the subjects of the streams."""
        return self.stream_partitions or self.partitions
