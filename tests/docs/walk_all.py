"""`make docs`: follows every page as a newcomer does, literally, with all that takes long; PAGES names some of them.

It writes build/docs.json and ends with 0 only if every page leads where it says."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.docs.snippets import PageError
from tests.docs.walk import ROOT, WalkError, copy_of_project, pages

REPORT = Path("build/docs.json")


def main(named: list[str]) -> int:
    """Follow the pages; the tutorial always comes first, because it starts the servers."""
    chosen = [
        page
        for page in pages()
        if "```sh" in page.read_text() and (not named or page.stem in named or "tutorial" in page.parts)
    ]
    report = {}
    failed = False
    with tempfile.TemporaryDirectory() as folder, copy_of_project(Path(folder) / "copy", long=True) as walk:
        for page in chosen:
            name = str(page.relative_to(ROOT))
            try:
                walked = walk.follow(page)
            except (WalkError, PageError) as error:
                failed = True
                report[name] = {"failed": str(error)}
                sys.stderr.write(f"{name}: {error}\n")
                continue
            report[name] = asdict(walked)
            sys.stdout.write(f"{name}: {walked.run} run, {walked.not_run} cannot be run, {walked.seconds} s\n")
            sys.stdout.flush()
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
