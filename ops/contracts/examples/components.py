"""One example of the data of each component type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ops.contracts.examples.persons import CARLA

COMPONENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "EmailAddress": {
        "email": {"address": "ada@example.org"},
        "email_type": "Personal",
        "can_receive_marketing": True,
    },
    "PhoneNumber": {
        "phone": {"number": "+442071838750", "extension": "12"},
        "phone_type": "Work",
        "preferred_contact_time": {
            "timezone": "Europe/London",
            "preferred_hours": [{"start": 9, "end": 12}],
            "preferred_days": ["Mon", "Thu"],
        },
    },
    "MessagingApp": {"platform": "Telegram", "handle": "@ada", "preferences": {"allow_voice_calls": True}},
    "Address": {
        "address_type": "Residential",
        "address": {
            "street1": "12 St James's Square",
            "city": "London",
            "postal_code": "SW1Y 4JH",
            "country": "United Kingdom",
            "country_code": "GB",
        },
        "coordinates": {"latitude": 51.5072, "longitude": -0.1353, "accuracy_meters": 20},
        "timezone": "Europe/London",
    },
    "Employment": {
        "company": "Analytical Engines",
        "position": "Programmer",
        "employment_type": "FullTime",
        "start_date": "2021-02-01",
        "is_current": True,
        "department": "Notes",
        "remote_type": "Hybrid",
    },
    "ProfessionalAffiliation": {
        "organization_name": "Royal Society of Computing",
        "membership_type": "Fellow",
        "role": "Reviewer",
        "start_date": "2022-05-01",
        "is_active": True,
    },
    "Project": {
        "project_name": "Note G",
        "description": "Bernoulli numbers on a machine",
        "role": "Author",
        "start_date": "2022-10-01",
        "end_date": "2023-07-10",
        "team_size": 2,
        "budget": {"amount": "1500.00", "currency": "GBP"},
        "technologies": ["punched cards"],
    },
    "Skill": {
        "name": "Python",
        "category": "Programming",
        "proficiency": "Expert",
        "years_of_experience": 9.5,
        "last_used": "2026-11-01",
    },
    "Certification": {
        "name": "Machine Design",
        "issuing_organization": "Institute of Engines",
        "credential_id": "IE-1842",
        "issue_date": "2022-03-01",
        "expiry_date": "2032-03-01",
        "skills_covered": ["mechanics"],
    },
    "Education": {
        "institution": "University of London",
        "degree_type": "Master",
        "field_of_study": "Mathematics",
        "start_date": "2015-10-01",
        "end_date": "2018-06-30",
        "grade": "first",
    },
    "SocialProfile": {
        "platform": "Mastodon",
        "username": "ada",
        "profile_url": "https://social.example/@ada",
        "follower_count": 1842,
    },
    "Website": {
        "url": "https://ada.example/notes",
        "title": "Notes by the translator",
        "website_type": "Blog",
        "technologies": ["HTML"],
    },
    "ProfessionalNetwork": {
        "network_name": "Engine Builders",
        "member_id": "EB-7",
        "connection_count": 3,
        "membership_level": "Professional",
    },
    "Relationship": {
        "other_person_id": CARLA,
        "relationship_type": "Colleague",
        "strength": 0.8,
        "start_date": "2021-02-01",
        "last_interaction": "2026-11-20T16:00:00Z",
        "interaction_count": 40,
    },
    "CustomerSegment": {
        "primary_segment": "LoyalCustomer",
        "lifecycle_stage": "Retention",
        "value_tier": "Gold",
        "custom_segments": {"region": "north"},
    },
    "BehavioralData": {
        "purchase_behavior": {"orders": 7},
        "engagement_patterns": {"visits_per_week": 2},
        "interaction_summary": {"total": 12, "tickets": 1, "channels": ["Email"]},
        "predictive_scores": {"churn_risk": 0.1},
    },
    "CommunicationPreferences": {
        "preferred_language": "en-GB",
        "preferred_channels": ["Email"],
        "contact_frequency": "Monthly",
        "do_not_disturb_hours": {"hours": {"start": 22, "end": 7}, "timezone": "Europe/London"},
        "email_format": "PlainText",
    },
    "PrivacyPreferences": {
        "data_sharing": {"allow_analytics": True},
        "visibility": {"profile": "RegisteredUsers"},
        "data_retention": "FiveYears",
    },
    "GeneralPreferences": {
        "theme": "Dark",
        "date_format": "YYYY-MM-DD",
        "time_format": "TwentyFourHour",
        "currency": "GBP",
        "units": "Metric",
    },
    "Tag": {"label": "speaker", "color": "blue", "scope": "events"},
    "CustomAttribute": {"type": "club", "name": "Membership", "value": {"number": 7}},
    "GitProfile": {
        "provider": "GitHub",
        "username": "ada",
        "profile_url": "https://github.com/ada",
        "languages": [
            {"language": "Rust", "lines": 6200, "share": 62},
            {"language": "Python", "lines": 3100, "share": 31},
        ],
        "repositories": 4,
        "contributions": 310,
        "first_contribution": "2020-01-15",
        "last_contribution": "2026-11-20",
    },
}
"""Component type to the data of one component."""
