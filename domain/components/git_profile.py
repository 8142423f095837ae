"""Component type GitProfile: an account of the person on a forge, with what was measured there."""

from typing import Annotated, Any, Literal

from pydantic import model_validator

from domain.components.base import ComponentData
from domain.ids import Uuid
from domain.model import Frozen
from domain.times import Day
from domain.values.rules import Count, NotBlank, Number, fold, within
from domain.values.url import Url


class LanguageUse(Frozen):
    """How much of a programming language was found. The bare name of a language is read too."""

    language: NotBlank
    lines: Count = 0
    share: Annotated[Number, within(0, 100, "share")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"language": value} if isinstance(value, str) else value


class GitProfileComponent(ComponentData):
    """An account on a forge."""

    type_name = "GitProfile"
    group = "profile"
    access = "career"

    provider: Literal["GitHub", "GitLab", "Bitbucket", "Gitea", "Other"] = "GitHub"
    username: NotBlank
    profile_url: Url | None = None
    languages: tuple[LanguageUse, ...] = ()
    repositories: Count = 0
    contributions: Count = 0
    repository_ids: tuple[Uuid, ...] = ()
    first_contribution: Day | None = None
    last_contribution: Day | None = None

    def natural_key(self) -> tuple[str, ...]:
        """Provider and user name."""
        return (self.provider, fold(self.username))
