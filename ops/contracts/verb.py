"""The verb `person contracts`: writes the contracts, checks them, or keeps them as released."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from ops import output
from ops.options import as_json_option

FOLDER: Final = Path("contracts")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a file differs or a released schema is broken.")
@click.option("--release", is_flag=True, help="Keep the schemas as released, unless they break what was released.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    show_default=True,
    help="Folder of the contracts.",
)
@as_json_option
def contracts(check: bool, release: bool, folder: Path, as_json: bool) -> None:
    """Write the JSON Schemas and the AsyncAPI document that the code makes.

    \b
    Examples:
      person contracts
      person contracts --check
      person contracts --release
    """
    from ops.contracts import folder as kept  # imports every catalogue; other verbs need not wait for it

    if check and release:
        output.fail(output.EXIT_USAGE, "--check and --release exclude each other", as_json=as_json)
    changed = kept.differences(folder) if check else kept.write(folder)
    broken = [str(breach) for breach in kept.broken(folder)]
    if release and not broken:
        kept.release(folder)
    failed = bool(broken) or (check and bool(changed))
    if as_json:
        status = "failed" if failed else "ok"
        output.envelope(status, {"changed": changed, "broken": broken})
    else:
        for name in changed:
            output.text.print(f"{'differs' if check else 'written'}  {folder / name}", markup=False)
        for line in broken:
            output.text.print(f"breaks   {line}", markup=False)
        if check and not failed:
            output.text.print("the contracts are in order", markup=False)
        if release and not broken:
            output.text.print(f"released  {folder / kept.RELEASED}", markup=False)
    raise SystemExit(output.EXIT_FAILURE if failed else output.EXIT_OK)
