"""Component type BehavioralData: how the person behaves as a customer, held only with consent to profiling."""

from typing import Annotated

from pydantic import Field

from domain.components.base import SingleComponent
from domain.model import Frozen
from domain.times import Instant
from domain.values.rules import Count, Json, Number, within

Probability = Annotated[Number, within(0, 1)]


class InteractionSummary(Frozen):
    """Contacts with the person, counted."""

    total: Count
    last: Instant | None = None
    tickets: Count
    satisfaction: Number | None = None
    channels: tuple[str, ...] = ()


class PredictiveScores(Frozen):
    """What a model expects of the person: probabilities from 0 to 1, and a lifetime value."""

    churn_risk: Probability | None = None
    predicted_ltv: Number | None = None
    purchase_probability: Probability | None = None
    upsell_potential: Probability | None = None
    referral_likelihood: Probability | None = None


class BehavioralDataComponent(SingleComponent):
    """Purchases, engagement and predictions."""

    type_name = "BehavioralData"
    group = "behaviour"
    access = "commercial"
    consent = "profiling"

    purchase_behavior: Json
    engagement_patterns: Json
    interaction_summary: InteractionSummary
    predictive_scores: PredictiveScores = Field(default_factory=PredictiveScores)
