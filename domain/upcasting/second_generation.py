"""Second versions that have a third (domain.md 9.3), and the direct ways from the first version to the third."""

from typing import Final

from domain.ids import derive
from domain.upcasting.component_types import with_current_type
from domain.upcasting.form import Form, Upcaster
from domain.upcasting.names import normalised_name


def _created(old: Form) -> tuple[Form, ...]:
    data = {"onboarding": False, **old.data, "name": normalised_name(old.data.get("name"))}
    return (old.becomes("person.created", 3, data),)


def _component_added(old: Form) -> tuple[Form, ...]:
    data = {
        "component_data": {},
        "is_primary": False,
        "is_verified": False,
        "tags": [],
        "custom_fields": {},
        **with_current_type(old.data),
        "component_id": derive(old.id, "component"),
    }
    return (old.becomes("person.component_added", 3, data),)


def _employment_added(old: Form) -> tuple[Form, ...]:
    data = {"employment_type": "Other", **old.data, "employment_id": derive(old.id, "employment")}
    return (old.becomes("person.employment_added", 3, data),)


def _component_registered(old: Form) -> tuple[Form, ...]:
    return _component_added(old._replace(data={**old.data, "component_data": {}}))


UPCASTERS: Final = (
    Upcaster("person.created", 2, (("person.created", 3),), _created),
    Upcaster("person.component_added", 2, (("person.component_added", 3),), _component_added),
    Upcaster("person.employment_added", 2, (("person.employment_added", 3),), _employment_added),
)

DIRECT: Final = (
    Upcaster("person.created", 1, (("person.created", 3),), _created),
    Upcaster("person.component_registered", 1, (("person.component_added", 3),), _component_registered),
)
"""Each gives what the chain of single steps gives."""
