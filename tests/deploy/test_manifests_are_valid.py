"""The rendered overlays are valid for Kubernetes and KEDA, up to date, and agree with the code about names and numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from bridge.ingress_route import consumer_feeding
from config import streams, topics
from config.settings import Settings
from ops.installation import routes_of
from tests.deploy.rendering import KUBERNETES, OVERLAYS, heading, render, rendered_file

SCHEMAS = Path(__file__).parent / "schemas"
VERSIONS = ("1.36", "1.37")


def objects(overlay: str) -> Sequence[dict[str, Any]]:
    return list(yaml.safe_load_all(rendered_file(overlay).read_text()))


def one(overlay: str, kind: str) -> dict[str, Any]:
    (found,) = [item for item in objects(overlay) if item["kind"] == kind]
    return found


def container(overlay: str) -> dict[str, Any]:
    (found,) = one(overlay, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def settings(overlay: str) -> Mapping[str, str]:
    """The settings of a worker of this overlay that are no secrets."""
    given = dict(one(overlay, "ConfigMap")["data"])
    return given | {entry["name"]: entry["value"] for entry in container(overlay)["env"] if "value" in entry}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_rendered_overlay_is_of_the_sources_that_are_there(overlay: str) -> None:
    assert rendered_file(overlay).read_text().startswith(heading(overlay)), "run: make manifests"
    if shutil.which("kubectl"):
        assert render(overlay) == rendered_file(overlay).read_text()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid_and_has_no_unknown_field(overlay: str, version: str) -> None:
    for item in objects(overlay):
        if item["apiVersion"].startswith("keda.sh/"):
            jsonschema.validate(item, json.loads((SCHEMAS / f"{item['kind'].lower()}.json").read_text()))
        else:
            kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whatever_selects_workers_selects_these(overlay: str) -> None:
    labels = one(overlay, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        one(overlay, "StatefulSet")["spec"]["selector"]["matchLabels"],
        one(overlay, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(overlay, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        one(overlay, "Service")["spec"]["selector"],
    ]

    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    assert one(overlay, "StatefulSet")["spec"]["serviceName"] == one(overlay, "Service")["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_exists_and_has_a_value_that_is_accepted(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings(overlay).items():
        assert name.removeprefix("PERSON_").lower() in Settings.model_fields, name
        monkeypatch.setenv(name, value)

    given = Settings()

    assert container(overlay)["ports"] == [{"containerPort": given.http_port, "name": "http"}]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_has_no_rights_and_time_to_end(overlay: str) -> None:
    pod = one(overlay, "StatefulSet")["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container(overlay)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert pod["terminationGracePeriodSeconds"] > 2 * Settings.model_fields["stop_budget_s"].default
    assert {name: container(overlay)[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness")} == {
        "startup": "/livez",
        "liveness": "/livez",
    }
    assert container(overlay)["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_and_scrapes_are_encrypted_where_the_pages_are(overlay: str) -> None:
    scheme = "HTTPS" if "PERSON_HTTP_TLS_CERT_FILE" in settings(overlay) else "HTTP"
    probes = [container(overlay)[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]

    assert {probe.get("scheme", "HTTP") for probe in probes} == {scheme}
    assert one(overlay, "Service")["metadata"]["annotations"].get("prometheus.io/scheme", "http") == scheme.lower()


def test_production_keeps_three_copies_and_asks_everybody_who_they_are() -> None:
    given = settings("production")

    assert given["PERSON_REPLICAS"] == "3"
    assert given["PERSON_NATS_URL"].startswith("tls://")
    assert given["PERSON_KAFKA_SECURITY"] == "SASL_SSL"
    assert given["PERSON_HTTP_TLS_CERT_FILE"]
    assert given.get("PERSON_ACCESS", "granted") == "granted"


def test_the_autoscaler_looks_at_what_the_workers_read() -> None:
    spec = one("production", "ScaledObject")["spec"]
    (commands,) = [one["metadata"] for one in spec["triggers"] if one["type"] == "nats-jetstream"]
    read = [one["metadata"] for one in spec["triggers"] if one["type"] == "kafka"]
    given = Settings(partitions=int(settings("production")["PERSON_PARTITIONS"]))

    assert (commands["stream"], commands["consumer"]) == (
        streams.COMMANDS,
        consumer_feeding(routes_of(given), topics.COMMANDS),
    )
    assert [one["topic"] for one in read] == [topics.COMMANDS, topics.EVENTS]
    assert {one["consumerGroup"] for one in read} == {given.app_id}
    # A worker beyond the partitions is never ready, and the autoscaler alone counts them.
    assert 3 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= given.partitions
    assert "replicas" not in one("production", "StatefulSet")["spec"]


def test_every_key_that_is_taken_from_the_secret_is_named_in_the_guide() -> None:
    guide = (KUBERNETES.parent.parent / "docs" / "how-to" / "deploy-on-kubernetes.md").read_text()
    mounted = {value.rpartition("/")[2] for value in settings("production").values() if "/etc/person/" in value}
    references = [
        entry["valueFrom"]["secretKeyRef"]["key"]
        for entry in container("production")["env"]
        if "secretKeyRef" in entry.get("valueFrom", {})
    ]
    login = [entry["key"] for entry in one("production", "TriggerAuthentication")["spec"]["secretTargetRef"]]

    assert mounted
    for key in {*mounted, *references, *login}:
        assert f"`{key}`" in guide, key
