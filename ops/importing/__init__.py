"""Importers: read a source of people into plans of commands; nothing is sent from here."""
