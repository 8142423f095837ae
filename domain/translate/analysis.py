"""What the git adapter asks for by itself: the contributions of an account that was added without languages."""

from typing import Final

from domain.canonical import encode
from domain.components.git_profile import GitProfileComponent
from domain.envelope import CONTENT_TYPE, SPEC_VERSION
from domain.event_data.component import ComponentAdded
from domain.events import Event
from domain.ids import derive
from domain.times import format_instant
from domain.translate.commands import AdapterCommand
from domain.translate.outbound import AnalyzeContributions

TYPE: Final = "git.commands.analyze_contributions"


def analysis_wanted(event: Event) -> AdapterCommand | None:
    """The command to the git domain that follows from an event, None of most."""
    data = event.data
    if type(data) is not ComponentAdded or data.component_type != GitProfileComponent.type_name:
        return None
    profile = data.component_data
    if not isinstance(profile, GitProfileComponent) or profile.languages:
        return None
    asked = AnalyzeContributions(
        person_id=event.person_id,
        component_id=data.component_id,
        provider=profile.provider,
        username=profile.username,
    )
    command_id = derive(event.id, "git/analyze_contributions")
    body = {
        "specversion": SPEC_VERSION,
        "id": command_id,
        "type": TYPE,
        "dataversion": 1,
        "source": "/person/adapter/git",
        "subject": event.person_id,
        "time": format_instant(event.time),
        "datacontenttype": CONTENT_TYPE,
        "correlationid": event.correlationid,
        "causationid": event.id,
        "causationdepth": event.causationdepth + 1,
        "actor": "adapter:git",
        "traceparent": event.traceparent,
        "data": asked,
    }
    return AdapterCommand(command_id, TYPE, encode(body))
