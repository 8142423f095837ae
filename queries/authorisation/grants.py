"""Grants from a file: which principal may ask which queries and read which pages.

Guarantee: a file with an error is refused as a whole, with the place and the rule; the tokens themselves stand in no file here."""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connections.errors import AccessSettingError
from connections.nats_servers import PRINCIPAL
from queries.authorisation.port import ALLOWED, ANONYMOUS, Asked, Verdict

EVERY: Final = "*"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Principal(BaseModel):
    """What one principal may do. `http_token_sha256` is the SHA-256, in hexadecimal, of each token that HTTP takes for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    http_token_sha256: tuple[Sha256, ...] = ()
    queries: frozenset[str] = frozenset()
    pages: frozenset[str] = frozenset()

    @field_validator("pages")
    @classmethod
    def _are_paths(cls, pages: frozenset[str]) -> frozenset[str]:
        if wrong := [page for page in sorted(pages) if page != EVERY and not page.startswith("/")]:
            raise ValueError(f"{wrong[0]!r} is no path; a page begins with '/', and '*' means all")
        return pages


class GrantsFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    principals: dict[str, Principal]

    @field_validator("principals")
    @classmethod
    def _have_names(cls, principals: dict[str, Principal]) -> dict[str, Principal]:
        for name, principal in principals.items():
            if not PRINCIPAL.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a principal; it must fit {PRINCIPAL.pattern}")
            if name == ANONYMOUS and principal.http_token_sha256:
                raise ValueError(f"{ANONYMOUS} is whoever gives no name, and has no token")
        return principals


class Grants:
    """The adapter: allowed is what the file grants, by name or by '*'."""

    def __init__(self, principals: dict[str, Principal]) -> None:
        self._principals = principals
        self._tokens = [(digest, name) for name, one in principals.items() for digest in one.http_token_sha256]

    def __call__(self, asked: Asked) -> Verdict:
        """The verdict; `*` grants all queries or all pages."""
        principal = self._principals.get(asked.who)
        if principal is None:
            return Verdict(False, f"{asked.who} was granted nothing")
        granted = principal.queries if asked.action == "query" else principal.pages
        if asked.resource in granted or EVERY in granted:
            return ALLOWED
        return Verdict(False, f"{asked.who} was not granted the {asked.action} {asked.resource}")

    def principal_of(self, token: str) -> str | None:
        """Whose HTTP token this is, compared in constant time with every one; None for nobody's."""
        # HTTP gives bytes that are no UTF-8 as lone surrogates: such a token is nobody's, and no error.
        digest = hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
        found = None
        for known, name in self._tokens:
            if hmac.compare_digest(digest, known):
                found = name
        return found


def read_grants(path: Path, *, known_queries: Collection[str]) -> Grants:
    """The grants of a file; raises AccessSettingError that names the place and the rule."""
    try:
        body = tomllib.loads(path.read_text())
    except OSError as error:
        raise AccessSettingError(f"PERSON_GRANTS_FILE: {path} cannot be read ({type(error).__name__})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AccessSettingError(f"PERSON_GRANTS_FILE: {path} is no TOML: {error}") from None
    try:
        principals = GrantsFile.model_validate(body).principals
    except ValidationError as error:
        # Without the input: it may be a token that somebody wrote where its digest belongs.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise AccessSettingError(f"PERSON_GRANTS_FILE: {path}: {place}: {first['msg']}") from None
    for name, principal in principals.items():
        if unknown := sorted(principal.queries - {EVERY} - set(known_queries)):
            raise AccessSettingError(f"PERSON_GRANTS_FILE: {path}: principals.{name}.queries: no query {unknown[0]!r}")
    return Grants(principals)
