"""Owns `person dlq`: one file for what several verbs share, one for each kind of act."""
