"""Owns the encryption of a connection: whom to trust, and the certificate with which this side says who it is.

Guarantee: certificate and host name of the server are always checked; there is no setting that leaves that out."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from connections.errors import AccessSettingError
from connections.secret_file import require_file


@dataclass(frozen=True)
class Tls:
    """Files in PEM form; without `ca_file` the certificate authorities of the system are trusted.

    `settings` is how the names of the settings begin, for errors: `PERSON_NATS_TLS`.
    """

    settings: str
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A context of TLS 1.2 or newer from the files as they are now; raises AccessSettingError for one that cannot be used."""
        for name in ("ca_file", "cert_file", "key_file"):
            require_file(getattr(self, name), setting=f"{self.settings}_{name.upper()}")
        if self.key_file is not None and self.cert_file is None:
            raise AccessSettingError(
                f"{self.settings}_KEY_FILE is set and {self.settings}_CERT_FILE is not: a key needs its certificate"
            )
        try:
            made = ssl.create_default_context(cafile=self.ca_file)
            made.minimum_version = ssl.TLSVersion.TLSv1_2
        except ssl.SSLError:
            raise AccessSettingError(f"{self.settings}_CA_FILE: {self.ca_file} holds no certificates in PEM") from None
        if self.cert_file is not None:
            try:
                # An empty password, so that a key that needs one is an error and not a question at the terminal.
                made.load_cert_chain(self.cert_file, self.key_file, password="")
            except ssl.SSLError:
                raise AccessSettingError(
                    f"{self.settings}_CERT_FILE: {self.cert_file} and its key do not fit, or are no PEM without a password"
                ) from None
        return made
