"""Whole stored events, envelope and all, in their current versions; what the models do not know is kept."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.ids import is_uuid
from domain.undecodable import Undecodable
from domain.upcasting.first_version import opened
from domain.upcasting.form import Form
from domain.upcasting.upcast import WAYS, Registry, is_current, is_known, upcast


class CurrentDocuments(NamedTuple):
    """When a stored event happened, and the events of today that it is: none, one or several.

    They share its envelope but for their ids.
    """

    time: object
    parts: tuple[dict[str, Any], ...]


def upcast_document(document: Mapping[str, Any], ways: Registry = WAYS) -> CurrentDocuments:
    """A stored event as today's.

    Raises Undecodable for a type or version without a way up, and where ids that others derive from are missing.
    """
    event_type, version, data = document.get("type"), document.get("dataversion", 1), document.get("data")
    if not isinstance(event_type, str) or not is_known(event_type):
        raise Undecodable("unknown_type", "type is not in the catalogue")
    if type(version) is not int or version < 1:
        raise Undecodable("undecodable", "dataversion: integer")
    if not isinstance(data, dict):
        raise Undecodable("undecodable", "data: object")
    for name in ("id", "subject"):
        if not is_uuid(document.get(name)):
            raise Undecodable("undecodable", f"{name}: uuid")
    own = {name: value for name, value in data.items() if name != "context"}
    form = Form(event_type, version, own, document["id"], document["subject"], document.get("time"))
    if version == 1 and not is_current(event_type, version):
        form = opened(form)
    return CurrentDocuments(form.time, tuple(_document(document, after) for after in upcast(form, ways)))


def _document(stored: Mapping[str, Any], form: Form) -> dict[str, Any]:
    context = {"context": stored["data"]["context"]} if "context" in stored["data"] else {}
    return {
        **stored,
        "id": form.id,
        "type": form.type,
        "dataversion": form.version,
        "time": form.time,
        "data": {**form.data, **context},
    }
