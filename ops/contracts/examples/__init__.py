"""Examples: one story of a few persons in which every command, event and component type occurs, and a request of every query."""
