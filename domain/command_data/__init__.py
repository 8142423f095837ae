"""Payloads of the commands, one module per family. Everything a client sends is checked here, once."""
