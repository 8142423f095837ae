"""One valid sample of every component type with every field set, and one broken sample with the field and the rule it breaks."""

from typing import Any, NamedTuple

from domain.ids import NS, derive

OTHER_PERSON = derive(NS, "other person")

SAMPLES: dict[str, dict[str, Any]] = {
    "EmailAddress": {
        "email": {"address": "ada@example.org"},
        "email_type": "Work",
        "can_receive_notifications": False,
        "can_receive_marketing": True,
    },
    "PhoneNumber": {
        "phone": {"number": "+493012345678", "extension": "12"},
        "phone_type": "Mobile",
        "can_receive_sms": True,
        "can_receive_calls": False,
        "preferred_contact_time": {
            "timezone": "Europe/Berlin",
            "preferred_hours": [{"start": 9, "end": 17}],
            "preferred_days": ["Mon", "Fri"],
        },
    },
    "MessagingApp": {
        "platform": "Telegram",
        "handle": "@ada",
        "display_name": "Ada",
        "preferences": {
            "allow_voice_calls": True,
            "allow_video_calls": True,
            "allow_group_invites": True,
            "notification_enabled": True,
        },
    },
    "Address": {
        "address_type": "Residential",
        "address": {
            "street1": "12 St James's Square",
            "street2": "Flat 3",
            "city": "London",
            "state_province": "Greater London",
            "postal_code": "SW1Y 4JH",
            "country": "United Kingdom",
            "country_code": "GB",
        },
        "coordinates": {"latitude": 51.5074, "longitude": -0.1354, "accuracy_meters": 12.5},
        "timezone": "Europe/London",
        "verification_date": "2025-06-01",
    },
    "Employment": {
        "company": "Analytical Engines",
        "position": "Programmer",
        "employment_type": "FullTime",
        "start_date": "2019-04-01",
        "end_date": "2024-03-31",
        "is_current": False,
        "department": "Research",
        "remote_type": "Hybrid",
        "description": "Notes on the engine",
        "responsibilities": ["Programs"],
        "achievements": ["Note G"],
    },
    "ProfessionalAffiliation": {
        "organization_name": "Royal Society",
        "membership_type": "Fellow",
        "member_id": "F-17",
        "role": "Chair",
        "start_date": "2018-01-01",
        "end_date": "2020-12-31",
        "is_active": True,
        "committees": ["Engines"],
        "contributions": ["Talks"],
    },
    "Project": {
        "project_name": "Bernoulli numbers",
        "description": "Computes them",
        "role": "Author",
        "company": "Analytical Engines",
        "client": "Royal Society",
        "start_date": "2020-02-01",
        "end_date": "2021-02-01",
        "is_ongoing": False,
        "team_size": 2,
        "budget": {"amount": "17000.50", "currency": "GBP"},
        "technologies": ["Punched cards"],
        "methodologies": ["Letters"],
        "deliverables": ["Table"],
        "outcomes": ["Published"],
        "url": "https://example.org/bernoulli",
    },
    "Skill": {
        "name": "Rust",
        "category": "Programming",
        "proficiency": "Expert",
        "years_of_experience": 7.5,
        "last_used": "2025-11-30",
        "certifications": ["Rust I"],
        "projects": ["Bernoulli numbers"],
    },
    "Certification": {
        "name": "Chartered Engineer",
        "issuing_organization": "Engineering Council",
        "credential_id": "CE-1",
        "issue_date": "2020-01-01",
        "expiry_date": "2030-01-01",
        "verification_url": "https://example.org/verify",
        "skills_covered": ["Engineering"],
        "certification_level": "Chartered",
    },
    "Education": {
        "institution": "University of London",
        "degree_type": "Master",
        "field_of_study": "Mathematics",
        "start_date": "2010-10-01",
        "end_date": "2014-09-30",
        "grade": "First",
        "activities": ["Chess"],
        "honors": ["Prize"],
        "thesis_title": "On engines",
    },
    "SocialProfile": {
        "platform": "Mastodon",
        "username": "ada",
        "profile_url": "https://social.example.org/@ada",
        "display_name": "Ada",
        "bio": "Writes programs",
        "follower_count": 10,
        "following_count": 3,
        "platform_verified": True,
        "is_business_account": True,
        "last_synced": "2025-12-01T08:00:00Z",
    },
    "Website": {
        "url": "https://ada.example.org/",
        "title": "Notes",
        "description": "On engines",
        "website_type": "Blog",
        "technologies": ["HTML"],
        "last_updated": "2025-12-01",
    },
    "ProfessionalNetwork": {
        "network_name": "Engineers",
        "member_id": "m-1",
        "profile_url": "https://example.org/m-1",
        "connection_count": 120,
        "membership_level": "Premium",
        "specializations": ["Engines"],
        "joined_date": "2020-05-05",
    },
    "Relationship": {
        "other_person_id": OTHER_PERSON,
        "relationship_type": "Colleague",
        "strength": 0.75,
        "start_date": "2020-01-01",
        "end_date": "2024-01-01",
        "last_interaction": "2025-12-01T08:00:00.123456Z",
        "interaction_count": 17,
        "notes": "Met at a salon",
    },
    "CustomerSegment": {
        "primary_segment": "LoyalCustomer",
        "secondary_segments": ["VIPCustomer", "Custom"],
        "lifecycle_stage": "Retention",
        "value_tier": "Gold",
        "persona": "Inventor",
        "custom_segments": {"region": "north"},
    },
    "BehavioralData": {
        "purchase_behavior": {"orders": 3, "basket": [1.5, "x"]},
        "engagement_patterns": ["mornings"],
        "interaction_summary": {
            "total": 12,
            "last": "2025-12-01T08:00:00Z",
            "tickets": 1,
            "satisfaction": 4.5,
            "channels": ["Email"],
        },
        "predictive_scores": {
            "churn_risk": 0.1,
            "predicted_ltv": 1200.5,
            "purchase_probability": 1,
            "upsell_potential": 0,
            "referral_likelihood": 0.5,
        },
    },
    "CommunicationPreferences": {
        "preferred_language": "en-GB",
        "secondary_languages": ["fr", "zh-Hant-TW"],
        "preferred_channels": ["Email", "PostalMail"],
        "contact_frequency": "Monthly",
        "best_time_to_contact": {"timezone": "Europe/London", "hours": {"start": 9, "end": 12}},
        "do_not_disturb_hours": {
            "hours": {"start": 22, "end": 7},
            "timezone": "Europe/London",
            "include_weekends": True,
        },
        "email_format": "PlainText",
    },
    "PrivacyPreferences": {
        "data_sharing": {
            "allow_analytics": True,
            "allow_marketing": True,
            "allow_third_party_sharing": True,
            "allow_profiling": True,
            "share_with_partners": ["Engines Ltd"],
        },
        "visibility": {"profile": "Public", "contact_info": "Connections", "activity": "Public"},
        "data_retention": "FiveYears",
    },
    "GeneralPreferences": {
        "theme": "Dark",
        "date_format": "YYYY-MM-DD",
        "time_format": "TwentyFourHour",
        "currency": "GBP",
        "units": "Imperial",
        "custom_preferences": {"font": {"size": 12}},
    },
    "Tag": {"label": "Speaker", "color": "#aa0000", "scope": "events"},
    "CustomAttribute": {"type": "shoe_size", "name": "EU", "value": {"left": 38, "right": 38.5}},
    "GitProfile": {
        "provider": "GitLab",
        "username": "ada",
        "profile_url": "https://gitlab.example.org/ada",
        "languages": [{"language": "Rust", "lines": 1200, "share": 61.5}],
        "repositories": 4,
        "contributions": 300,
        "repository_ids": [derive(NS, "repository")],
        "first_contribution": "2015-01-01",
        "last_contribution": "2025-12-01",
    },
}


class Broken(NamedTuple):
    """Data that its type refuses, the field that is to blame and the rule it breaks."""

    data: dict[str, Any]
    field: str
    rule: str


def with_change(component_type: str, **changes: Any) -> dict[str, Any]:
    """The sample of a type with other top-level fields; one that is None is left out."""
    return {name: value for name, value in {**SAMPLES[component_type], **changes}.items() if value is not None}


BROKEN: dict[str, Broken] = {
    "EmailAddress": Broken({"email": {"address": "ada"}}, "email.address", "email_at_sign"),
    "PhoneNumber": Broken({"phone": {"number": "030 12345678"}}, "phone", "phone_country_missing"),
    "MessagingApp": Broken(with_change("MessagingApp", handle="ada"), "handle", "telegram_handle"),
    "Address": Broken(
        with_change("Address", address={**SAMPLES["Address"]["address"], "country_code": "UK"}),
        "address.country_code",
        "country_code",
    ),
    "Employment": Broken(with_change("Employment", is_current=True), "is_current", "ended"),
    "ProfessionalAffiliation": Broken(
        with_change("ProfessionalAffiliation", end_date="2017-12-31"), "end_date", "before_start"
    ),
    "Project": Broken(with_change("Project", team_size=0), "team_size", "range"),
    "Skill": Broken(with_change("Skill", years_of_experience=80.5), "years_of_experience", "years_of_experience"),
    "Certification": Broken(with_change("Certification", expiry_date="2019-12-31"), "expiry_date", "before_start"),
    "Education": Broken(with_change("Education", institution=""), "institution", "not_blank"),
    "SocialProfile": Broken(with_change("SocialProfile", profile_url="social.example.org/ada"), "profile_url", "url"),
    "Website": Broken(with_change("Website", title=""), "title", "not_blank"),
    "ProfessionalNetwork": Broken(with_change("ProfessionalNetwork", connection_count=-1), "connection_count", "count"),
    "Relationship": Broken(with_change("Relationship", strength=1.01), "strength", "range"),
    "CustomerSegment": Broken(
        with_change("CustomerSegment", lifecycle_stage="Afterlife"), "lifecycle_stage", "literal_error"
    ),
    "BehavioralData": Broken(
        with_change("BehavioralData", predictive_scores={"churn_risk": -0.1}), "predictive_scores.churn_risk", "range"
    ),
    "CommunicationPreferences": Broken(
        with_change("CommunicationPreferences", preferred_language="english please"),
        "preferred_language",
        "language_tag",
    ),
    "PrivacyPreferences": Broken({"visibility": {"profile": "Enemies"}}, "visibility.profile", "literal_error"),
    "GeneralPreferences": Broken(with_change("GeneralPreferences", currency="XYZ"), "currency", "currency"),
    "Tag": Broken(with_change("Tag", label="x" * 65), "label", "label_length"),
    "CustomAttribute": Broken(with_change("CustomAttribute", type="Shoe-Size"), "type", "slug"),
    "GitProfile": Broken(with_change("GitProfile", repositories=-1), "repositories", "count"),
}
