"""Owns what operators see of messages that could not be handled, and what they can do to them, whatever route they came on."""
