"""Events of the first generation that named one kind of component each (domain.md 9.2, second table)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.ids import derive
from domain.upcasting.form import Form, Upcaster, is_redacted, renamed, without

_ITEMS: Final = {
    "email": "EmailAddress",
    "phone": "PhoneNumber",
    "skill": "Skill",
    "social_profile": "SocialProfile",
    "employment": "Employment",
}
_PREFERENCES: Final = {
    "person.communication_preferences_updated": "CommunicationPreferences",
    "person.privacy_preferences_updated": "PrivacyPreferences",
}
_NEW_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "Employment": {"company_name": "company", "job_title": "position"}
}
_FLAGS: Final = {
    "is_primary": ("is_primary", "primary", "is_preferred", "preferred"),
    "is_verified": ("is_verified", "verified"),
}
"""Flags of an instance, and the fields of the data in which old payloads kept them."""

Step = Callable[[Form], tuple[Form, ...]]


def _added(component_type: str) -> Step:
    def step(old: Form) -> tuple[Form, ...]:
        own = without(_current_names(component_type, old.data), "component_id")
        flags: dict[str, bool] = {}
        for flag, names in _FLAGS.items():
            held = [own.pop(name) for name in names if isinstance(own.get(name), bool)]
            flags[flag] = any(held)
        component_id = old.data.get("component_id") or derive(old.id, "component")
        data = {"component_id": component_id, "component_type": component_type, "component_data": own, **flags}
        return (old.becomes("person.component_added", 3, data),)

    return step


def _updated(component_type: str) -> Step:
    def step(old: Form) -> tuple[Form, ...]:
        changes = old.data.get("changes", {})
        if isinstance(changes, dict) and not is_redacted(changes):
            changes = _current_names(component_type, changes)
        data = {
            "component_id": old.data.get("component_id"),
            "component_type": component_type,
            "changes": changes,
        }
        return (old.becomes("person.component_updated", 2, data),)

    return step


def _removed(component_type: str) -> Step:
    def step(old: Form) -> tuple[Form, ...]:
        named = {name: value for name, value in old.data.items() if name == "component_id"}
        return (old.becomes("person.component_removed", 2, {**named, "component_type": component_type}),)

    return step


def _employment_ended(old: Form) -> tuple[Form, ...]:
    changes = {"end_date": old.data.get("end_date"), "is_current": False}
    data = {"component_id": old.data.get("component_id"), "component_type": "Employment", "changes": changes}
    return (old.becomes("person.component_updated", 2, data),)


def _skill_endorsed(old: Form) -> tuple[Form, ...]:
    return (old.becomes("person.skill_endorsed", 2, old.data),)


def _consent_recorded(old: Form) -> tuple[Form, ...]:
    return (old.becomes("person.consent_recorded", 2, renamed(old.data, {"version": "terms_version"})),)


def _preferences_updated(component_type: str) -> Step:
    """The one component of the type, which has an id of its own for every person, and then its change."""

    def step(old: Form) -> tuple[Form, ...]:
        known = {"component_id": derive(old.person_id, component_type), "component_type": component_type}
        return (
            old.becomes("person.component_added", 3, {**known, "component_data": {}}),
            old.becomes("person.component_updated", 2, {**known, "changes": old.data.get("changes", {})}).part(1),
        )

    return step


def _current_names(component_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return renamed(data, _NEW_NAMES.get(component_type, {}))


_ADDED: Final = ("person.component_added", 3)
_CHANGED: Final = ("person.component_updated", 2)
_GONE: Final = ("person.component_removed", 2)

UPCASTERS: Final = (
    *(Upcaster(f"person.{item}_added", 1, (_ADDED,), _added(kind)) for item, kind in _ITEMS.items()),
    *(Upcaster(f"person.{item}_updated", 1, (_CHANGED,), _updated(kind)) for item, kind in _ITEMS.items()),
    *(Upcaster(f"person.{item}_removed", 1, (_GONE,), _removed(kind)) for item, kind in _ITEMS.items()),
    Upcaster("person.employment_ended", 1, (_CHANGED,), _employment_ended),
    Upcaster("person.skill_endorsed", 1, (("person.skill_endorsed", 2),), _skill_endorsed),
    Upcaster("person.consent_recorded", 1, (("person.consent_recorded", 2),), _consent_recorded),
    *(Upcaster(name, 1, (_ADDED, _CHANGED), _preferences_updated(kind)) for name, kind in _PREFERENCES.items()),
)
