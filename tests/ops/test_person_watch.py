"""`person watch` and `person query` as a user types them."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import cast

import pytest
from click.testing import CliRunner, Result

from local.stack import Endpoints
from ops import watching
from ops.cli import main
from ops.client import CommandMessage, PersonClient, QueryFailed


async def ran(servers: Endpoints, *arguments: str) -> Result:
    """The command in this process, beside the loop of the test."""
    environment = {"PERSON_NATS_URL": servers.nats_url, "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap}
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=environment)


async def test_watch_and_query_print_rows_as_lines(client: PersonClient, servers: Endpoints) -> None:
    label = f"watch-{uuid.uuid4().hex}"
    name = {"given_names": ["Watched"], "family_names": ["Person"]}
    created = await client.send(CommandMessage("person.commands.create", {"name": name, "source": "test"}))
    person_id = created["person_id"]
    tag = {"component_type": "Tag", "data": {"label": label}}
    added = await client.send(CommandMessage("person.commands.component.add", tag, person_id))
    await client.query("get_by_id", {"person_id": person_id, "min_position": added["position"]})
    of_person = ("--data", json.dumps({"person_id": person_id}))
    watching = ("watch", "--filter", json.dumps({"tag": label}), "--messages", "2")

    watched = await ran(servers, *watching, "--json")
    text = (await ran(servers, *watching)).output.splitlines()
    streamed = await ran(servers, "query", "get_events", *of_person, "--stream")
    answered = await ran(servers, "query", "get_chain", *of_person, "--json")

    lines = [json.loads(line) for line in watched.output.splitlines()]
    assert [one["op"] for one in lines] == ["snapshot", "caught_up"]
    assert lines[0]["row"]["display_name"] == "Watched Person"
    assert text[0] == f"snapshot  {person_id}  event    2  Active Watched Person"
    assert text[1] == "caught_up"
    assert text[2].startswith("go on with --from 0:")
    assert [json.loads(line)["sequence"] for line in streamed.output.splitlines()] == [1, 2]
    assert json.loads(answered.output)["data"]["data"]["length"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("watch", "--filter", "{"), "--filter is no JSON"),
        (("watch", "--filter", "[]"), "--filter must be a JSON object"),
        (("watch", "--from", "3"), "--from has the form PARTITION:SEQUENCE"),
        (("query", "get_by_id", "--data", "7"), "--data must be a JSON object"),
    ],
)
def test_wrong_options_are_named(arguments: tuple[str, ...], says: str) -> None:
    refused = CliRunner().invoke(main, arguments)

    assert refused.exit_code == 2
    assert says in refused.output


async def test_a_subscription_that_begins_anew_while_it_is_renewed_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class EnoughError(Exception):
        pass

    class OtherPartitions:
        """Positions are dropped while it answers that there are other partitions now."""

        asked = 0

        async def query(self, *_: object, **__: object) -> None:
            self.asked += 1
            if self.asked == 3:
                raise EnoughError
            watch._positions.clear()
            raise QueryFailed("malformed", "positions of other partitions", {"rule": "partitions", "partitions": 8})

    monkeypatch.setattr(watching, "RENEWED_S", 0)
    client = cast("PersonClient", OtherPartitions())
    watch = watching.Watch(client, positions=[{"partition": 0, "stream_sequence": 7}])
    watch._is_served = True
    with pytest.raises(EnoughError):
        await watch._renew()
