"""The `person` command: run, send, ask, import and check."""
