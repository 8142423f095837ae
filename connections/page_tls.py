"""Owns the encryption of a worker's HTTP pages: the certificate with which the worker says who it is.

Guarantee: pages are served encrypted or in clear as the settings say; a certificate that cannot be used ends the worker instead."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from connections.errors import AccessSettingError
from connections.secret_file import require_file


@dataclass(frozen=True)
class PageTls:
    """Files in PEM form; without `cert_file` pages are served in clear."""

    cert_file: Path | None = None
    key_file: Path | None = None

    @property
    def scheme(self) -> str:
        """How addresses of pages begin: `http` or `https`."""
        return "http" if self.cert_file is None else "https"

    def context(self) -> ssl.SSLContext | None:
        """A context of TLS 1.2 or newer from the files as they are now, None for pages in clear.

        Raises AccessSettingError for files that cannot be used.
        """
        if self.cert_file is None:
            if self.key_file is not None:
                raise AccessSettingError(
                    "PERSON_HTTP_TLS_KEY_FILE is set and PERSON_HTTP_TLS_CERT_FILE is not: a key needs its certificate"
                )
            return None
        require_file(self.cert_file, setting="PERSON_HTTP_TLS_CERT_FILE")
        require_file(self.key_file, setting="PERSON_HTTP_TLS_KEY_FILE")
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # An empty password, so that a key that needs one is an error and not a question at the terminal.
            made.load_cert_chain(self.cert_file, self.key_file, password="")
        except ssl.SSLError:
            raise AccessSettingError(
                f"PERSON_HTTP_TLS_CERT_FILE: {self.cert_file} and its key do not fit, or are no PEM without a password"
            ) from None
        return made
