"""The e-mail address: lower case, domain in A-labels, so equal mailboxes have equal text."""

import re
import unicodedata
from typing import Annotated, Final

import idna

from domain.model import Frozen
from domain.values.rules import broken, on_entry

_ATOM: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+")


def normalise_address(text: str) -> str:
    """Address in its one form. Raises a rule error that does not show the address."""
    address = unicodedata.normalize("NFC", text.strip().lower())
    if address.count("@") != 1:
        raise broken("email_at_sign")
    local, domain = address.split("@")
    _check_local(local)
    return f"{local}@{_domain(domain)}"


def _check_local(local: str) -> None:
    if not local or len(local.encode()) > 64:
        raise broken("email_local_length")
    for atom in local.split("."):
        if _ATOM.fullmatch("".join(c for c in atom if not _is_foreign_letter(c)) or "x") is None or not atom:
            raise broken("email_local_part")


def _is_foreign_letter(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] in "LM"


def _domain(domain: str) -> str:
    try:
        encoded = idna.encode(domain, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise broken("email_domain") from None
    labels = encoded.split(".")
    if len(labels) < 2 or not all(labels) or len(labels[-1]) < 2 or len(encoded) > 253:
        raise broken("email_domain")
    return encoded


class EmailAddress(Frozen):
    """One mailbox."""

    address: Annotated[str, on_entry(normalise_address, format="idn-email", pattern="^[^@]+@[^@]+$")]
