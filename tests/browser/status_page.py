"""`python -m tests.browser.status_page`: a busy installation with persons in quarantine, its status page in a real browser, and pictures of it.

Ends with 1 when a script of the page failed, the browser refused something, or what happened is not on the page."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from local.stack import Endpoints, Stack
from ops.client import ClientError, CommandMessage, PersonClient
from ops.up import start_neighbours, stop_team
from ops.workers import Worker
from tests.browser.chromium import Page, browser, opened
from tests.failure.poison import POISON

POISONED = 2
ONBOARDINGS = 12
AT_ONCE = 24


async def look(out: Path, seconds: float) -> list[str]:
    """What is wrong with the page, one line each; its pictures are written to a folder."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Stack(Path(folder) / "stack") as stack:
        team = _team(stack.endpoints, Path(folder))
        around = start_neighbours(stack.endpoints.nats_url, Path(folder))
        try:
            async with PersonClient(stack.endpoints.nats_url) as client, opened() as page:
                return await _looked(client, page, team[0], out, seconds)
        finally:
            around.stop()
            stop_team(team)


def _team(endpoints: Endpoints, data: Path) -> list[Worker]:
    class Poisonous(Worker):
        """A worker whose fold fails for one name."""

        module = "tests.failure.poisonous_worker"

    team: list[Worker] = [
        Poisonous(
            f"worker-{number}",
            nats_url=endpoints.nats_url,
            kafka_bootstrap=endpoints.kafka_bootstrap,
            data=data / f"worker-{number}",
            logs=data / "logs",
        )
        for number in (1, 2)
    ]
    for worker in team:
        worker.start()
    for worker in team:
        worker.await_ready()
    return team


async def _looked(client: PersonClient, page: Page, worker: Worker, out: Path, seconds: float) -> list[str]:
    url = f"http://127.0.0.1:{worker.port}/status"
    await page.open(url, width=1280, height=900, scheme="light")
    ending = asyncio.Event()
    load = [asyncio.create_task(_live(client, number, ending)) for number in range(AT_ONCE)]
    sagas = [asyncio.create_task(_onboard(client)) for _ in range(ONBOARDINGS)]
    begun = time.monotonic()
    await asyncio.sleep(seconds / 2)
    await asyncio.gather(*(_poison(client) for _ in range(4 * POISONED)))
    await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
    wrong: list[str] = []
    try:
        await page.until("Number(document.getElementById('quarantined').textContent) > 0", 30)
        await page.until("document.querySelectorAll('#letters tbody tr').length > 0", 30)
    except TimeoutError:
        wrong.append("the page shows no quarantine, or no dead letter")
    await page.photograph(out / "status-page.png")
    await page.open(url, width=1280, height=900, scheme="dark")
    await page.until("document.querySelectorAll('#partitions tbody tr').length > 0")
    await asyncio.sleep(2)
    await page.photograph(out / "status-page-dark.png")
    await page.open(url, width=420, height=900, scheme="light")
    await page.until("document.querySelectorAll('#partitions tbody tr').length > 0")
    await page.photograph(out / "status-page-narrow.png")
    faults = await page.value("document.getElementById('faults').textContent")
    wrong += [f"the page says: {faults}"] if faults else []
    if await page.value("document.documentElement.scrollWidth > window.innerWidth"):
        wrong.append("a narrow window has to be scrolled sideways")
    ending.set()
    await asyncio.gather(*load, *sagas)
    worker.ask_to_end()
    try:
        await page.until("document.getElementById('state').textContent === 'no connection'", 30)
    except TimeoutError:
        wrong.append("the page does not show that its worker has ended")
    return wrong + [f"the browser reports: {error}" for error in page.errors if "ERR_CONNECTION_REFUSED" not in error]


async def _live(client: PersonClient, number: int, ending: asyncio.Event) -> None:
    """New persons with changes, one after the other."""
    for turn in count():
        if ending.is_set():
            return
        person = f"019a0000-0000-7{number:03x}-8000-{turn:012x}"
        await _send(client, person, "create", {"name": {"given_names": ["Busy"]}, "source": "t"})
        skill = {
            "component_type": "Skill",
            "data": {"name": "Rust", "category": "Programming", "proficiency": "Expert"},
        }
        await _send(client, person, "component.add", skill)
        await _send(client, person, "lifecycle.suspend", {"reason": "test"})


async def _onboard(client: PersonClient) -> None:
    await _send(client, None, "create", {"name": {"given_names": ["Newcomer"]}, "source": "t", "onboarding": True})


async def _poison(client: PersonClient) -> None:
    name = {"given_names": ["Fine"]}
    outcome = await client.send(CommandMessage("person.commands.create", {"name": name, "source": "t"}), timeout_s=30)
    await _send(client, outcome["person_id"], "update", {"name": {"given_names": [POISON]}})


async def _send(client: PersonClient, person: str | None, verb: str, data: Mapping[str, object]) -> None:
    try:
        await client.send(CommandMessage(f"person.commands.{verb}", data, person), timeout_s=30)
    except ClientError as error:
        sys.stderr.write(f"{verb}: {error}\n")


def main() -> int:
    """Look, and say what is wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=Path("build/status-page"), help="folder of the pictures")
    options.add_argument("--seconds", type=float, default=130.0, help="how long load runs before the first picture")
    given = options.parse_args()
    if browser() is None:
        sys.stderr.write("no browser on the PATH; on Debian: apt-get install chromium\n")
        return 2
    wrong = asyncio.run(look(given.out, given.seconds))
    sys.stdout.write("\n".join(wrong or [f"the page is in order; pictures are in {given.out}"]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
