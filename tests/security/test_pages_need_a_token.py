"""HTTP: probes pass, every other page needs a token that was granted it, however the token is sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from queries.authorisation.denials import Audited
from queries.authorisation.grants import read_grants
from queries.authorisation.page_guard import OPEN_PAGES, page_guard
from queries.endpoints import ENDPOINTS

TOKEN, OTHER = "a" * 64, "b" * 64
NO_UTF8 = "Bearer " + b"\xff\xfe".decode(errors="surrogateescape")
PERSON = "0190c8a2-7b1e-7c3d-9a4f-000000000001"


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[tuple[str, Audited]]:
    """An application with guarded pages; its address and the record of denials."""
    grants_file = tmp_path / "grants.toml"
    digests = [hashlib.sha256(token.encode()).hexdigest() for token in (TOKEN, OTHER)]
    grants_file.write_text(
        f'[principals.dashboard]\nhttp_token_sha256 = ["{digests[0]}"]\npages = ["/status", "/persons/{{id}}"]\n'
        f'[principals.other]\nhttp_token_sha256 = ["{digests[1]}"]\n'
    )
    grants = read_grants(grants_file, known_queries=ENDPOINTS)
    audited = Audited(grants)

    async def page(_request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    application = web.Application(middlewares=[page_guard(audited, grants.principal_of)])
    for path in (*sorted(OPEN_PAGES), "/status", "/persons/{id}"):
        application.router.add_get(path, page)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}", audited
    await runner.cleanup()


async def answered(address: str, authorization: str | None = None) -> tuple[int, str]:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
        return answer.status, await answer.text()


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()


async def test_probes_need_no_token(guarded: tuple[str, Audited]) -> None:
    address, audited = guarded

    for page in OPEN_PAGES:
        assert (await answered(address + page))[0] == 200
    assert not audited.denied


@pytest.mark.parametrize(
    "header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(TOKEN)], ids=["bearer", "lower", "basic"]
)
async def test_a_token_that_was_granted_the_page_opens_it(guarded: tuple[str, Audited], header: str) -> None:
    assert (await answered(guarded[0] + "/status", header))[0] == 200


@pytest.mark.parametrize(
    "header",
    [None, "Bearer ", "Bearer wrong", "Basic !!!", basic("wrong"), f"Digest {TOKEN}", "Bearer " + "x" * 5000, NO_UTF8],
    ids=["none", "empty", "wrong", "no-base64", "wrong-basic", "digest", "long", "no-utf-8"],
)
async def test_without_a_known_token_a_page_asks_for_one(guarded: tuple[str, Audited], header: str | None) -> None:
    address, audited = guarded

    status, body = await answered(address + "/status", header)

    assert status == 401
    assert "token" in body
    assert audited.denied == {("page", "/status"): 1}


async def test_a_token_that_was_granted_other_pages_is_forbidden(guarded: tuple[str, Audited]) -> None:
    status, body = await answered(guarded[0] + "/status", f"Bearer {OTHER}")

    assert status == 403
    assert "other was not granted the page /status" in body


async def test_the_record_names_the_page_and_not_what_was_asked_for(guarded: tuple[str, Audited]) -> None:
    address, audited = guarded

    assert (await answered(f"{address}/persons/{PERSON}"))[0] == 401
    assert (await answered(f"{address}/nothing/{PERSON}"))[0] == 401
    assert (await answered(f"{address}/persons/{PERSON}", f"Bearer {TOKEN}"))[0] == 200
    assert audited.denied == {("page", "/persons/{id}"): 1, ("page", "unknown"): 1}
