"""Owns what a client needs to reach NATS: addresses, encryption, who it is and where it listens for answers.

Guarantee: a password or token is sent over TLS only, this machine excepted; what is secret never shows in text, `repr` or errors."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from connections.errors import AccessSettingError
from connections.secret_file import require_file
from connections.tls import Tls

PRINCIPAL = re.compile(r"[a-z][a-z0-9_-]{0,63}")
"""Name of whoever asks, as it stands in subjects and permissions: of a service or a role, never of a human being."""
INBOX = re.compile(r"_INBOX(\.[A-Za-z0-9_-]{1,128}){0,4}")


@dataclass(frozen=True)
class NatsServers:
    """One server or the servers of a cluster, and how to log in: by nothing, or by exactly one of the four ways.

    A client certificate is no login by itself here; a server that maps certificates to users takes it as one.
    """

    url: str
    tls: Tls | None = None
    user: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    nkey_file: Path | None = None
    creds_file: Path | None = None
    inbox_prefix: str = "_INBOX"
    principal: str | None = None
    """As whom queries are asked; None asks without a name."""

    def __str__(self) -> str:
        return self.url

    def addresses(self) -> list[str]:
        """One address per server."""
        return [address.strip() for address in self.url.split(",")]

    def client_options(self) -> dict[str, Any]:
        """Arguments for `nats.connect`; raises AccessSettingError for settings that contradict each other."""
        self._check()
        options: dict[str, Any] = {"servers": self.addresses(), "inbox_prefix": self.inbox_prefix}
        if self.tls is not None or any(urlsplit(address).scheme == "tls" for address in self.addresses()):
            options["tls"] = (self.tls or Tls("PERSON_NATS_TLS")).context()
        if self.user is not None and self.password is not None:
            options |= {"user": self.user, "password": self.password.get_secret_value()}
        if self.token is not None:
            options["token"] = self.token.get_secret_value()
        if self.nkey_file is not None:
            options["nkeys_seed"] = str(self.nkey_file)
        if self.creds_file is not None:
            options["user_credentials"] = str(self.creds_file)
        return options

    def _check(self) -> None:
        ways = {
            "PERSON_NATS_USER": self.user,
            "PERSON_NATS_TOKEN": self.token,
            "PERSON_NATS_NKEY_FILE": self.nkey_file,
            "PERSON_NATS_CREDS_FILE": self.creds_file,
        }
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise AccessSettingError(f"{' and '.join(given)} are set: a connection logs in by one of them")
        if (self.user is None) != (self.password is None):
            raise AccessSettingError("PERSON_NATS_USER and PERSON_NATS_PASSWORD belong together: set both or none")
        require_file(self.nkey_file, setting="PERSON_NATS_NKEY_FILE")
        require_file(self.creds_file, setting="PERSON_NATS_CREDS_FILE")
        if any("@" in urlsplit(address).netloc for address in self.addresses()):
            raise AccessSettingError(
                "PERSON_NATS_URL holds a user or a password, and addresses are shown: use PERSON_NATS_USER and "
                "PERSON_NATS_PASSWORD, or another way to log in"
            )
        if not INBOX.fullmatch(self.inbox_prefix):
            raise AccessSettingError(
                "PERSON_NATS_INBOX_PREFIX must be _INBOX or begin with _INBOX., because answers go to nothing else"
            )
        if self.principal is not None and not PRINCIPAL.fullmatch(self.principal):
            raise AccessSettingError(f"PERSON_PRINCIPAL must fit {PRINCIPAL.pattern}")
        if (self.password or self.token) and self.tls is None:
            open_to_others = [one for one in self.addresses() if not _is_safe(one)]
            if open_to_others:
                raise AccessSettingError(
                    f"a password or token would go to {open_to_others[0]} in clear: set PERSON_NATS_TLS or write tls://"
                )


def nats_servers(where: NatsServers | str) -> NatsServers:
    """Servers that need no login may be named by their addresses alone."""
    return NatsServers(where) if isinstance(where, str) else where


def _is_safe(address: str) -> bool:
    """Whether what is sent to an address is encrypted or stays on this machine."""
    parts = urlsplit(address if "://" in address else f"nats://{address}")
    if parts.scheme in ("tls", "wss") or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
