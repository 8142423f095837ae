"""Which events change the open links of a person (domain.md 16.9); the links themselves are read out of the state."""

from typing import Final

from domain.components.git_profile import GitProfileComponent
from domain.event_data.component import ComponentAdded, ComponentRemoved, ComponentUpdated
from domain.event_data.identity import IdentityLinked, IdentityUnlinked
from domain.event_data.lifecycle import PersonMerged
from domain.event_data.privacy import PersonErased
from domain.views.changed_by import ChangedBy, about, every, of_contexts

LINKS_CHANGED_BY: Final[ChangedBy] = {
    **every(IdentityLinked, IdentityUnlinked, *of_contexts("relationship"), PersonMerged, PersonErased),
    **about(GitProfileComponent.type_name, ComponentAdded, ComponentUpdated, ComponentRemoved),
}
