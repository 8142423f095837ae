"""Settings of connections: what contradicts itself is refused with its name, and no secret is ever shown."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.settings import Settings
from connections.errors import AccessSettingError
from tests.security.certificates import Certificates

SECRET = "correct horse battery staple"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"nats_user": "ada"}, "PERSON_NATS_USER and PERSON_NATS_PASSWORD belong together"),
        ({"nats_user": "ada", "nats_password": SECRET, "nats_token": SECRET}, "a connection logs in by one of them"),
        ({"nats_password": SECRET, "nats_password_file": "/x"}, "PERSON_NATS_PASSWORD_FILE are both set"),
        ({"nats_password_file": "/not/there"}, "PERSON_NATS_PASSWORD_FILE: /not/there cannot be read"),
        ({"nats_creds_file": "/not/there"}, "PERSON_NATS_CREDS_FILE: /not/there cannot be read"),
        ({"nats_nkey_file": "/not/there"}, "PERSON_NATS_NKEY_FILE: /not/there cannot be read"),
        ({"nats_url": f"nats://ada:{SECRET.split()[0]}@nats:4222"}, "addresses are shown"),
        ({"nats_url": "nats://nats:4222", "nats_token": SECRET}, "would go to nats://nats:4222 in clear"),
        ({"nats_inbox_prefix": "person.events"}, "PERSON_NATS_INBOX_PREFIX must be _INBOX"),
        ({"principal": "Ada Lovelace"}, "PERSON_PRINCIPAL must fit"),
        ({"nats_tls_ca_file": "/not/there"}, "PERSON_NATS_TLS_CA_FILE: /not/there cannot be read"),
        ({"nats_tls": True, "nats_tls_key_file": __file__}, "a key needs its certificate"),
        ({"nats_tls_ca_file": __file__}, "holds no certificates in PEM"),
        ({"http_tls_key_file": __file__}, "PERSON_HTTP_TLS_CERT_FILE is not: a key needs its certificate"),
        ({"http_tls_cert_file": "/not/there"}, "PERSON_HTTP_TLS_CERT_FILE: /not/there cannot be read"),
        ({"http_tls_cert_file": __file__}, "and its key do not fit"),
        ({"kafka_user": "ada"}, "PERSON_KAFKA_USER and PERSON_KAFKA_PASSWORD belong together"),
        ({"kafka_user": "ada", "kafka_password": SECRET}, "a password goes over TLS only"),
        ({"kafka_security": "SASL_SSL"}, "set PERSON_KAFKA_USER and PERSON_KAFKA_PASSWORD"),
        ({"kafka_tls_ca_file": __file__}, "set it to SSL or SASL_SSL"),
        ({"kafka_security": "SSL", "kafka_tls_cert_file": __file__}, "PERSON_KAFKA_TLS_CERT_FILE"),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, dict) else "",
)
def test_settings_that_contradict_each_other_are_refused_with_their_names(given: dict[str, Any], told: str) -> None:
    with pytest.raises(AccessSettingError) as refused:
        Settings(**given).check_access()

    assert told in str(refused.value)
    assert SECRET.split()[0] not in str(refused.value)


def test_a_password_in_clear_may_go_to_this_machine_and_nowhere_else() -> None:
    for url in ("nats://127.0.0.1:4222", "nats://localhost:4222", "tls://nats:4222", "127.0.0.1:4222,tls://nats:4222"):
        Settings(nats_url=url, nats_token=SECRET).check_access()


def test_other_protocols_than_those_that_encrypt_passwords_are_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(kafka_security="SASL_PLAINTEXT")


def test_a_secret_from_a_file_is_the_secret_without_the_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    settings = Settings(
        nats_user="ada",
        nats_password_file=tmp_path / "password",
        kafka_security="SASL_SSL",
        kafka_user="ada",
        kafka_password_file=tmp_path / "password",
    )

    assert settings.nats.client_options()["password"] == SECRET
    assert settings.kafka.client_options()["sasl_plain_password"] == SECRET

    (tmp_path / "password").write_text("\n")
    with pytest.raises(AccessSettingError, match="is empty"):
        settings.check_access()


def test_no_secret_is_shown_by_text_repr_or_json_of_settings_and_connections() -> None:
    settings = Settings(nats_url="tls://nats:4222", nats_user="ada", nats_password=SECRET, kafka_password=SECRET)

    for shown in (settings, settings.nats, settings.kafka, settings.model_dump(), settings.model_dump_json()):
        assert SECRET not in f"{shown} {shown!r}"
    assert json.loads(settings.model_dump_json())["nats_password"] == "*" * 10


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    with pytest.raises(AccessSettingError, match=r"PERSON_NATS_TLS_CERT_FILE: .* do not fit"):
        Settings(nats_tls_cert_file=certificates.authority).check_access()

    Settings(nats_tls_ca_file=certificates.authority, nats_tls_cert_file=certificates.server).check_access()


def test_pages_are_in_clear_without_a_certificate_and_never_under_a_protocol_that_is_broken(tmp_path: Path) -> None:
    served = Settings(http_tls_cert_file=Certificates(tmp_path).server).pages
    context = served.context()

    assert (Settings().pages.scheme, Settings().pages.context()) == ("http", None)
    assert served.scheme == "https"
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
