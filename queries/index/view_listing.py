"""Who has a component view in one partition, narrowed by filters, as SQL: person ids in their order."""

from __future__ import annotations

from queries.filters import Filters
from queries.index.listed_views import BITS
from queries.index.search import Statement
from queries.index.selection import selection


def having_view(view: str, filters: Filters, after: str, limit: int) -> Statement:
    """The ids of persons behind a person id that have the view and pass the filters."""
    place = {"bit": BITS[view], "after": after, "limit": limit}
    if filters.are_given:
        selected = selection(filters)
        source = f"documents JOIN listed ON listed.person_id = documents.person_id WHERE {selected.where}"
        place |= selected.parameters
    else:
        # The status alone is in every row.
        statuses = {f"status_{number}": status.value for number, status in enumerate(filters.status)}
        source = f"listed WHERE listed.status IN ({', '.join(f':{name}' for name in statuses)})"
        place |= statuses
    return (
        "SELECT json_group_array(person_id) FROM (SELECT listed.person_id AS person_id"
        f" FROM {source} AND listed.views & :bit AND listed.person_id > :after"
        " ORDER BY listed.person_id LIMIT :limit)",
        place,
    )
