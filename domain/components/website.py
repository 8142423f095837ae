"""Component type Website: a site of the person."""

from typing import Literal

from domain.components.base import ComponentData
from domain.times import Day
from domain.values.rules import NotBlank, fold
from domain.values.url import Url


class WebsiteComponent(ComponentData):
    """A site and what it is about."""

    type_name = "Website"
    group = "profile"
    access = "public"

    url: Url
    title: NotBlank
    description: str | None = None
    website_type: Literal["Portfolio", "Blog", "Business", "Personal", "Documentation", "Other"]
    technologies: tuple[str, ...] = ()
    last_updated: Day | None = None

    def natural_key(self) -> tuple[str, ...]:
        """The address of the site."""
        return (fold(self.url),)
