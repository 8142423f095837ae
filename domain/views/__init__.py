"""Views: what readers see of a person, rendered from its state or its events, ready for JSON."""
