"""Options that many verbs have, declared once: they read and mean the same everywhere."""

from __future__ import annotations

import click

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document {version, status, data, diagnostics}."
)
outcome_timeout_option = click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Seconds to wait for an outcome."
)
