"""What every neighbour says to sagas: that it has done what a saga asked for, or will not do it. It becomes SignalSaga."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from domain.foreign import ForeignData, ForeignEvent, ForeignUuid
from domain.translate.outbound import NEIGHBOURS

SIGNAL_SAGA: Final = "saga.signal"
ANSWERS: Final = ("person_reassigned", "person_released", "person_forgotten", "rejected", "undone")
"""Names of the events, the same in every domain."""
SIGNALS: Final = frozenset(f"{domain}.{answer}" for domain in NEIGHBOURS for answer in ANSWERS)
"""Types of the events, which are the names of the signals too."""

# Ids, codes and numbers: a saga holds no text about persons.
_OPAQUE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_MEMBER: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_MAX_MEMBERS: Final = 32


class ForSaga(ForeignData):
    """Data of an answer. One without a saga is not for this domain."""

    saga_id: ForeignUuid | None = None
    person_id: ForeignUuid | None = None
    saga_person_id: ForeignUuid | None = None


class Signal(NamedTuple):
    """A signal for a saga: the saga, the person of the saga, its name, and the ids that come with it."""

    saga_id: str
    person_id: str
    name: str
    data: Mapping[str, JsonValue]


def signal_of(event: ForeignEvent) -> Signal | None:
    """The signal that an answer is; None of one that names no saga. Raises Undecodable."""
    read = ForSaga.read(event)
    person_id = read.saga_person_id or read.person_id
    if read.saga_id is None or person_id is None:
        return None
    return Signal(read.saga_id, person_id, event.type, MappingProxyType(_ids_in(event.data)))


def _ids_in(data: Mapping[str, Any]) -> dict[str, JsonValue]:
    found = {name: value for name, value in data.items() if _MEMBER.fullmatch(name) and _is_opaque(value)}
    return dict(sorted(found.items())[:_MAX_MEMBERS])


def _is_opaque(value: object) -> bool:
    if isinstance(value, str):
        return _OPAQUE.fullmatch(value) is not None
    return isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**53)
