"""Language tags: well-formed by BCP 47, in the case that it recommends, so that equal tags have equal text."""

import re
from typing import Annotated, Final

from domain.values.rules import broken, on_entry

_LANGUAGE: Final = r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"
_VARIANT: Final = r"(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3})"
_EXTENSION: Final = r"[0-9a-wy-z](?:-[a-z0-9]{2,8})+"
_PRIVATE: Final = r"x(?:-[a-z0-9]{1,8})+"
_TAG: Final = re.compile(
    rf"(?:{_LANGUAGE}(?:-[a-z]{{4}})?(?:-(?:[a-z]{{2}}|[0-9]{{3}}))?(?P<variants>(?:-{_VARIANT})*)"
    rf"(?P<extensions>(?:-{_EXTENSION})*)(?:-{_PRIVATE})?|{_PRIVATE})",
    re.ASCII,
)
_SINGLETON: Final = re.compile(r"(?<=-)[0-9a-wy-z](?=-)", re.ASCII)
_OLD: Final = """
    en-gb-oed i-ami i-bnn i-default i-enochian i-hak i-klingon i-lux i-mingo i-navajo i-pwn i-tao i-tay i-tsu
    sgn-be-fr sgn-be-nl sgn-ch-de
"""
_IRREGULAR: Final = frozenset(_OLD.split())


def normalise_tag(text: str) -> str:
    """The tag with its parts in their usual case: ``zh-Hant-TW``."""
    tag = text.lower()
    if tag not in _IRREGULAR:
        match = _TAG.fullmatch(tag)
        if match is None or _repeats(match["variants"] or "") or _repeats_singleton(match["extensions"] or ""):
            raise broken("language_tag")
    return _in_usual_case(tag)


def _repeats(variants: str) -> bool:
    parts = variants.split("-")[1:]
    return len(set(parts)) < len(parts)


def _repeats_singleton(extensions: str) -> bool:
    singletons = _SINGLETON.findall(extensions)
    return len(set(singletons)) < len(singletons)


def _in_usual_case(tag: str) -> str:
    first, *rest = tag.split("-")
    parts = [first]
    for index, part in enumerate(rest):
        if len(parts[-1]) == 1:  # what follows a single letter is an extension or private, and stays small
            return "-".join([*parts, *rest[index:]])
        parts.append(part.upper() if len(part) == 2 else part.title() if len(part) == 4 and part.isalpha() else part)
    return "-".join(parts)


LanguageTag = Annotated[str, on_entry(normalise_tag, minLength=2)]
"""A language of people, by BCP 47."""
