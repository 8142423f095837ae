"""Policies: rules that people write, change and stop while the system runs. Pure: no clock, no I/O, no store."""
