"""The phone number in international form. No country is ever assumed."""

import re
import unicodedata
from typing import Annotated, Any, Final

from pydantic import GetJsonSchemaHandler, ModelWrapValidatorHandler, ValidationInfo, WithJsonSchema, model_validator

from domain.model import Frozen, is_stored
from domain.values.rules import broken, on_entry

_INTERNATIONAL: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_CALLING_CODE: Final = re.compile(r"\+?([1-9][0-9]{0,2})", re.ASCII)
_EXTENSION: Final = re.compile(r"[0-9]{1,7}", re.ASCII)
_KEEPS_ZERO: Final = "39"  # Italian numbers keep their leading zero behind the calling code


def normalise_number(text: str, calling_code: str | None = None) -> str:
    """Number in the form ``+`` and digits. A national number needs the calling code of its country."""
    digits = "".join(character for character in text if not _separates(character))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if calling_code is not None:
        digits = _with_calling_code(digits, calling_code)
    elif not digits.startswith("+"):
        raise broken("phone_country_missing")
    if _INTERNATIONAL.fullmatch(digits) is None:
        raise broken("phone_number")
    return digits


def _separates(character: str) -> bool:
    # "." dots, Zs spaces, Pd hyphens, Ps and Pe brackets
    return character == "." or unicodedata.category(character) in ("Zs", "Pd", "Ps", "Pe")


def _with_calling_code(digits: str, calling_code: str) -> str:
    match = _CALLING_CODE.fullmatch(calling_code.strip())
    if match is None:
        raise broken("phone_calling_code")
    code = match.group(1)
    if digits.startswith("+"):
        if not digits.startswith(code, 1):
            raise broken("phone_calling_code")
        return digits
    national = digits[1:] if digits.startswith("0") and code != _KEEPS_ZERO else digits
    return f"+{code}{national}"


def _extension(text: str) -> str:
    if _EXTENSION.fullmatch(text) is None:
        raise broken("phone_extension")
    return text


class PhoneNumber(Frozen):
    """One line. The calling code is taken in to read a national number and is then part of the number."""

    number: Annotated[
        str, WithJsonSchema({"type": "string", "pattern": f"^{_INTERNATIONAL.pattern}$"}, mode="serialization")
    ]
    extension: Annotated[str, on_entry(_extension, pattern=f"^{_EXTENSION.pattern}$")] | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """What is sent may name the calling code; what is stored has it in the number."""
        shown = handler.resolve_ref_schema(handler(schema))
        if handler.mode == "validation":
            shown["properties"]["country_calling_code"] = {"type": "string", "pattern": f"^{_CALLING_CODE.pattern}$"}
        return shown

    @model_validator(mode="wrap")
    @classmethod
    def _normalise(
        cls, value: Any, handler: ModelWrapValidatorHandler["PhoneNumber"], info: ValidationInfo
    ) -> "PhoneNumber":
        if is_stored(info) or not isinstance(value, dict) or not isinstance(value.get("number"), str):
            return handler(value)
        given = dict(value)
        code = given.pop("country_calling_code", None)
        if code is not None and not isinstance(code, str):
            raise broken("phone_calling_code")
        given["number"] = normalise_number(given["number"], code)
        return handler(given)
