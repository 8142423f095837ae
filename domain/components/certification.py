"""Component type Certification: a credential that somebody issued."""

from typing import Annotated

from domain.components.base import ComponentData
from domain.times import Day
from domain.values.period import not_before
from domain.values.rules import NotBlank, fold
from domain.values.url import Url


class CertificationComponent(ComponentData):
    """A credential, its issuer and how long it is good for."""

    type_name = "Certification"
    group = "profile"
    access = "career"

    name: NotBlank
    issuing_organization: NotBlank
    credential_id: str | None = None
    issue_date: Day
    expiry_date: Annotated[Day, not_before("issue_date")] | None = None
    verification_url: Url | None = None
    skills_covered: tuple[str, ...] = ()
    certification_level: str | None = None

    def natural_key(self) -> tuple[str, ...]:
        """Name, issuer, and the id of the credential, or the day of issue when there is no id."""
        return (
            fold(self.name),
            fold(self.issuing_organization),
            fold(self.credential_id or self.issue_date.isoformat()),
        )
