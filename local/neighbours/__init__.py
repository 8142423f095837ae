"""Simulated neighbouring domains: they take commands and answer with events of their own streams, with faults as configured."""
