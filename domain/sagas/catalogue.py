"""The sagas by name. Their definitions are checked when this is imported; a faulty one stops whoever needs it."""

from collections.abc import Mapping
from typing import Final

from domain.sagas import archival, cross_domain_sync, erasure, merge, onboarding
from domain.sagas.definition import SagaDefinition
from domain.sagas.linting import require_sound

SAGAS: Final[Mapping[str, SagaDefinition]] = {
    one.DEFINITION.name: one.DEFINITION for one in (onboarding, merge, archival, cross_domain_sync, erasure)
}

require_sound(SAGAS.values())
