"""Sagas: long-running work over several persons and domains, as data and pure functions."""
