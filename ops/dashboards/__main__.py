"""`python -m ops.dashboards` writes config/dashboards/; with `--check` it only says what differs, and ends with 1."""

from __future__ import annotations

import sys

import click

from ops.dashboards.files import FOLDER, differing, write


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; end with 1 when a file differs from the code.")
def main(check: bool) -> None:
    """Write the Grafana dashboards from the code.

    \b
    Examples:
      python -m ops.dashboards
      python -m ops.dashboards --check
    """
    names = differing() if check else write()
    for name in names:
        click.echo(f"{'differs' if check else 'written'}: {FOLDER.name}/{name}")
    if check and names:
        click.echo("write them again with `python -m ops.dashboards`", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
