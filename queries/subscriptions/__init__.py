"""Live subscriptions (domain.md 17.5): the rows of a read model that match a filter, and every change of them."""
