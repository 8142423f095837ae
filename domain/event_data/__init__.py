"""Payloads of the events in their current versions, one module per family. Personal fields may read as Redacted."""
