"""Certificates for tests: one authority, a certificate of the servers and one per client, as PEM files."""

from __future__ import annotations

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from local.security import BROKER


class Certificates:
    """An authority of its own, and what it has signed in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.authority = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.authority)
        self.server = self.issue(BROKER, "127.0.0.1", "localhost")

    def issue(self, name: str, *hosts: str) -> Path:
        """One file with the certificate, common name `name`, and its key in PKCS #8, as Java reads it."""
        made = self._authority.issue_cert(*(hosts or (f"{name}.test",)), common_name=name)
        key = load_pem_private_key(made.private_key_pem.bytes(), None)
        path = self._folder / f"{name}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + b"".join(one.bytes() for one in made.cert_chain_pems)
        )
        return path
