"""Nkeys and JWTs for tests: seeds, an operator with one account, and credentials files of its users."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nkeys


class Key:
    """One nkey."""

    def __init__(self, prefix: int) -> None:
        self.seed: bytes = nkeys.encode_seed(os.urandom(32), prefix)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def sign(self, data: bytes) -> bytes:
        signed: bytes = self._pair.sign(data)
        return signed

    def write(self, path: Path) -> Path:
        """The seed in a file."""
        path.touch(mode=0o600)
        path.write_bytes(self.seed)
        return path


def user_key() -> Key:
    return Key(nkeys.PREFIX_BYTE_USER)


class Operator:
    """An operator and one account, as `nsc` would make them; each role has a signing key whose users have its rights."""

    def __init__(self, rights: Mapping[str, Any]) -> None:
        self._rights = rights
        self._roles = {role: Key(nkeys.PREFIX_BYTE_ACCOUNT) for role in rights}
        self._key = Key(nkeys.PREFIX_BYTE_OPERATOR)
        self._account, self._system = Key(nkeys.PREFIX_BYTE_ACCOUNT), Key(nkeys.PREFIX_BYTE_ACCOUNT)

    def configuration(self) -> str:
        """Lines for nats-server."""
        operator = _jwt(self._key, self._key, "operator", {"type": "operator", "version": 2})
        unlimited = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1}
        body = {"type": "account", "version": 2, "limits": {**unlimited, "leaf": -1}}
        scopes = [
            {
                "kind": "user_scope",
                "key": key.public,
                "role": role,
                "template": {"subs": -1, "data": -1, "payload": -1, **self._rights[role]},
            }
            for role, key in self._roles.items()
        ]
        account = _jwt(self._key, self._account, "account", {**body, "signing_keys": scopes})
        system = _jwt(self._key, self._system, "system", body)
        return f"""\
operator: {operator}
system_account: {self._system.public}
resolver: MEMORY
resolver_preload: {{ {self._account.public}: {account}, {self._system.public}: {system} }}
"""

    def credentials(self, path: Path, role: str) -> Path:
        """A credentials file of a user of a role."""
        user = user_key()
        body = {"type": "user", "version": 2, "issuer_account": self._account.public}
        token = _jwt(self._roles[role], user, path.stem, body)
        path.touch(mode=0o600)
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
        )
        return path


def _jwt(issuer: Key, subject: Key, name: str, body: Mapping[str, Any]) -> str:
    now = int(time.time())
    claims = {"jti": name, "iat": now, "iss": issuer.public, "name": name, "sub": subject.public, "nats": dict(body)}
    signed = f"{_encoded({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_encoded(claims)}"
    return f"{signed}.{_base64(issuer.sign(signed.encode()))}"


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
