"""First versions of the events of a person (domain.md 9.2)."""

from typing import Any, Final, get_args

from domain.event_data.lifecycle import MergeReason
from domain.upcasting.component_types import with_current_type
from domain.upcasting.form import Form, Upcaster, is_redacted, renamed, without
from domain.upcasting.names import normalised_name

_MERGE_REASONS: Final = frozenset(get_args(MergeReason))


def _created(old: Form) -> tuple[Form, ...]:
    return (old.becomes("person.created", 2, {**old.data, "name": normalised_name(old.data.get("name"))}),)


def _updated(old: Form) -> tuple[Form, ...]:
    data = {**without(old.data, "name"), "new_name": normalised_name(old.data.get("name"))}
    return (old.becomes("person.name_updated", 2, data),)


def _name_updated(old: Form) -> tuple[Form, ...]:
    data = renamed(old.data, {"reason": "change_reason"})
    data["new_name"] = normalised_name(data.get("new_name"))
    if data.get("old_name") is not None:
        data["old_name"] = normalised_name(data["old_name"])
    if data.get("old_name") == data["new_name"] and not is_redacted(data["new_name"]):
        return ()
    return (old.becomes("person.name_updated", 2, data),)


def _birth_date_set(old: Form) -> tuple[Form, ...]:
    return (old.becomes("person.birth_date_set", 2, old.data),)


def _death_recorded(old: Form) -> tuple[Form, ...]:
    return (old.becomes("person.death_recorded", 2, old.data),)


def _deactivated(old: Form) -> tuple[Form, ...]:
    return (old.becomes("person.suspended", 2, old.data),)


def _reactivated(old: Form) -> tuple[Form, ...]:
    return (old.becomes("person.activated", 2, old.data),)


def _merged_into(old: Form) -> tuple[Form, ...]:
    data = renamed(old.data, {"merged_into_id": "target_person_id"})
    reason = data.get("merge_reason")
    known = isinstance(reason, str) and reason in _MERGE_REASONS
    return (old.becomes("person.merged", 2, {**data, "merge_reason": reason if known else "UserRequested"}),)


def _component_registered(old: Form) -> tuple[Form, ...]:
    return (old.becomes("person.component_added", 2, {**with_current_type(old.data), "component_data": {}}),)


def _component_unregistered(old: Form) -> tuple[Form, ...]:
    data = without(with_current_type(old.data), "component_id")
    return (old.becomes("person.component_removed", 2, data),)


def _component_data_updated(old: Form) -> tuple[Form, ...]:
    component_id, data = old.data.get("component_id"), old.data.get("data", {})
    legacy: dict[str, Any] = {"type": "legacy", "name": component_id, "value": {}}
    added = {"component_id": component_id, "component_type": "CustomAttribute", "component_data": legacy}
    updated = {"component_id": component_id, "changes": data if is_redacted(data) else {"value": data}}
    return (
        old.becomes("person.component_added", 3, added),
        old.becomes("person.component_updated", 2, updated).part(1),
    )


UPCASTERS: Final = (
    Upcaster("person.created", 1, (("person.created", 2),), _created),
    Upcaster("person.updated", 1, (("person.name_updated", 2),), _updated),
    Upcaster("person.name_updated", 1, (("person.name_updated", 2),), _name_updated),
    Upcaster("person.birth_date_set", 1, (("person.birth_date_set", 2),), _birth_date_set),
    Upcaster("person.death_recorded", 1, (("person.death_recorded", 2),), _death_recorded),
    Upcaster("person.deactivated", 1, (("person.suspended", 2),), _deactivated),
    Upcaster("person.reactivated", 1, (("person.activated", 2),), _reactivated),
    Upcaster("person.merged_into", 1, (("person.merged", 2),), _merged_into),
    Upcaster("person.component_registered", 1, (("person.component_added", 2),), _component_registered),
    Upcaster("person.component_unregistered", 1, (("person.component_removed", 2),), _component_unregistered),
    Upcaster(
        "person.component_data_updated",
        1,
        (("person.component_added", 3), ("person.component_updated", 2)),
        _component_data_updated,
    ),
)
