"""The version of the application, kept in pyproject.toml alone."""

from importlib.metadata import version

VERSION = version("person-stream")
