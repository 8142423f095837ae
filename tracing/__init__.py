"""OpenTelemetry spans of what workers and clients do. Knows messages and lanes, but no person; nothing here runs while traces are off."""
