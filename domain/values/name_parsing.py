"""Splits a written name into parts. Never guesses where a script gives no hint; the first rule that fits wins."""

from typing import Any, Final

from domain.values.scripts import is_east_asian

_HONORIFICS: Final = frozenset({"mr", "mrs", "ms", "mx", "dr", "prof"})
_SUFFIXES: Final = frozenset({"jr", "sr", "ii", "iii", "iv", "v"})
_PARTICLES: Final = frozenset(
    "van von de der den del della di da dos du la le ter ten zu bin bint ibn al el".split()  # noqa: SIM905
)
_PATRONYMIC_ENDINGS: Final = ("dottir", "dóttir", "ovich", "evich", "ovna", "evna")


def parse_name(text: str, locale: str | None = None) -> dict[str, Any]:
    """Fields of a PersonName. `locale` ``is`` lets ``-son`` end a patronymic."""
    words = text.split()
    if is_east_asian(text):
        return _east_asian(words)
    if len(words) < 2:
        return {"given_names": words, "naming_convention": "Mononymic"}
    if "y" in words[1:-1]:
        return _spanish(words)
    if _is_patronymic(words[-1], locale):
        return {
            "given_names": words[:1],
            "middle_names": words[1:-1],
            "patronymic": words[-1],
            "naming_convention": "Patronymic",
        }
    return _western(words)


def _east_asian(words: list[str]) -> dict[str, Any]:
    family, given = (words[:1], words[1:]) if len(words) > 1 else ([], words)
    return {"family_names": family, "given_names": given, "naming_convention": "EastAsian"}


def _spanish(words: list[str]) -> dict[str, Any]:
    at = words.index("y", 1)
    return {
        "given_names": words[: at - 1],
        "family_names": [words[at - 1], " ".join(words[at + 1 :])],
        "naming_convention": "Spanish",
    }


def _is_patronymic(word: str, locale: str | None) -> bool:
    lowered = word.casefold()
    return lowered.endswith(_PATRONYMIC_ENDINGS) or (locale == "is" and lowered.endswith("son"))


def _western(words: list[str]) -> dict[str, Any]:
    name: dict[str, Any] = {"naming_convention": "Western"}
    if _bare(words[0]) in _HONORIFICS:
        name["honorific"], words = words[0], words[1:]
    if len(words) > 1 and _bare(words[-1]) in _SUFFIXES:
        name["suffixes"], words = [words[-1]], [*words[:-2], words[-2].rstrip(",")]
    if len(words) == 1:
        # "Dr Who": what is left of a western name is the family name.
        return {**name, "family_names": words}
    start = len(words) - 1
    while start > 1 and words[start - 1].casefold() in _PARTICLES:
        start -= 1
    return {
        **name,
        "given_names": words[:1],
        "middle_names": words[1:start],
        "prefixes": words[start:-1],
        "family_names": words[-1:],
    }


def _bare(word: str) -> str:
    return word.rstrip(".").casefold()
