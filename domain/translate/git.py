"""What the git domain says: accounts that belong to persons, what these contributed, and that they were active."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AliasChoices, BeforeValidator, Field, WithJsonSchema

from domain.foreign import ForeignData, ForeignDay, ForeignEvent, ForeignUuid, OfPerson, at_most, word_of
from domain.ids import is_uuid
from domain.links import Link, git_link
from domain.translate.rule import Facts, InboundSpec, KnownPerson, Wish
from domain.values.rules import Count, NotBlank, Number, Slug, within

Provider = Literal["GitHub", "GitLab", "Bitbucket", "Gitea", "Other"]
MAX_LANGUAGES: Final = 200
MAX_REPOSITORIES: Final = 500
_USERNAME: Final = AliasChoices("username", "author", "author_username")


def _bare_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _share(value: object) -> object:
    # Sums of rounded shares may be a little above.
    return min(value, 100) if isinstance(value, int | float) and value < 101 else value


class Language(ForeignData):
    """How much of a language was found."""

    name: NotBlank = Field(validation_alias=AliasChoices("name", "language"))
    lines: Count = 0
    percentage: Annotated[Number, within(0, 100, "share"), BeforeValidator(_share)] | None = Field(
        None, validation_alias=AliasChoices("percentage", "share")
    )


class OfAuthor(OfPerson):
    """About one account on a forge."""

    provider: Annotated[Provider, word_of(Provider, "Other")] = "GitHub"
    username: Annotated[NotBlank, Field(max_length=100)] = Field(validation_alias=_USERNAME)


class AuthorActive(OfPerson):
    """An account did something; an event that names a person need not name the account."""

    provider: Annotated[Provider, word_of(Provider, "Other")] = "GitHub"
    username: Annotated[NotBlank, Field(max_length=100)] | None = Field(None, validation_alias=_USERNAME)


class AuthorIdentified(OfAuthor):
    """An account belongs to a person."""

    repositories: Annotated[
        Count | tuple[str, ...],
        at_most(MAX_REPOSITORIES),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "integer", "minimum": 0},
                    {"type": "array", "items": {"type": "string"}, "maxItems": MAX_REPOSITORIES},
                ]
            }
        ),
    ] = 0

    @property
    def figures(self) -> Mapping[str, Any]:
        """What a profile says of repositories: how many there are, and the ids of those that have one."""
        if isinstance(self.repositories, int):
            return {"repositories": self.repositories}
        ids = [repository for repository in self.repositories if is_uuid(repository)]
        return {"repositories": len(self.repositories), **({"repository_ids": ids} if ids else {})}


class ContributionsCalculated(OfAuthor):
    """What an account has contributed."""

    languages: Annotated[
        tuple[Annotated[Language, BeforeValidator(_bare_name, json_schema_input_type=Language | str)], ...],
        at_most(MAX_LANGUAGES),
    ] = ()
    commits: Count | None = Field(None, validation_alias=AliasChoices("commits", "contributions"))
    first: ForeignDay | None = Field(None, validation_alias=AliasChoices("first", "first_contribution"))
    last: ForeignDay | None = Field(None, validation_alias=AliasChoices("last", "last_contribution"))
    component_id: ForeignUuid | None = None


def _identified(_: ForeignEvent, data: AuthorIdentified, __: KnownPerson) -> Sequence[Wish]:
    profile = {"provider": data.provider, "username": data.username, **data.figures}

    def update(facts: Facts) -> Wish:
        return _update(str(facts["component_id"]), data.figures)

    add = {"component_type": "GitProfile", "data": profile, "provenance_kind": "Imported"}
    return (Wish("add_component", "component.add", add, {"component_exists": update}),)


def _calculated(_: ForeignEvent, data: ContributionsCalculated, known: KnownPerson) -> Sequence[Wish]:
    component_id = known.git_profiles.get(str(_account(data))) or data.component_id
    if component_id is None:
        # The account is no longer, or not yet, among the components of the person: there is nothing to update.
        return ()
    languages = [
        {"language": one.name, "lines": one.lines, **({} if one.percentage is None else {"share": one.percentage})}
        for one in data.languages
    ]
    measured = {
        "languages": languages or None,
        "contributions": data.commits,
        "first_contribution": None if data.first is None else data.first.isoformat(),
        "last_contribution": None if data.last is None else data.last.isoformat(),
    }
    changes = {name: value for name, value in measured.items() if value is not None}
    update = (_update(component_id, changes),) if changes else ()
    return (*update, Wish("analyze_skills", "skills.analyze", {"component_id": component_id}))


def _activity(kind: Slug) -> Any:
    def wishes(_: ForeignEvent, __: AuthorActive, ___: KnownPerson) -> Sequence[Wish]:
        return (Wish("record_activity", "policy.record_activity", {"kind": kind}),)

    return wishes


def _update(component_id: str, changes: Mapping[str, Any]) -> Wish:
    asked = {"component_id": component_id, "component_type": "GitProfile", "changes": dict(changes)}
    return Wish("update_component", "component.update", asked)


def _account(data: Any) -> Link | None:
    return None if data.username is None else git_link(data.provider, data.username)


INBOUND: Final = (
    InboundSpec("git.author_identified", AuthorIdentified, "linked", _identified, _account),
    InboundSpec(
        "git.contributions_calculated", ContributionsCalculated, "linked", _calculated, _account, needs_person=True
    ),
    InboundSpec("git.commit_analyzed", AuthorActive, "linked", _activity("git_commit"), _account, ordered=False),
    InboundSpec("git.pull_request_merged", AuthorActive, "linked", _activity("git_merge"), _account, ordered=False),
    InboundSpec("git.code_review_completed", AuthorActive, "linked", _activity("git_review"), _account, ordered=False),
)
IGNORED: Final[frozenset[str]] = frozenset()
