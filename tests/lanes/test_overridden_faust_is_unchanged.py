"""Lanes override inner parts of Faust and aiokafka. When the source of one changes, its override must be read again before this passes."""

from __future__ import annotations

import hashlib
import inspect
from importlib.metadata import version
from typing import Any

import aiokafka
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.sender import InitPIDHandler, Sender, SendProduceReqHandler
from faust.agents import Agent
from faust.app.base import App
from faust.assignor.client_assignment import CopartitionedAssignment
from faust.assignor.copartitioned_assignor import CopartitionedAssignor
from faust.assignor.partition_assignor import PartitionAssignor
from faust.stores.rocksdb import RocksDBOptions, Store
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, ConsumerRebalanceListener
from mode.threads import QueueServiceThread, ServiceThread

from lanes import closed_connection
from lanes.agent import LaneExecutedAgent
from lanes.app import LaneApp
from lanes.assignor import LanePartitionAssignor, StandbyFirstAssignor
from lanes.consumer import LaneConsumer, LaneConsumerThread, LaneRebalanceListener
from lanes.recovery import LaneRecovery, LaneTables
from lanes.table import OFFSET_KEY
from lanes.table_memory import SharedMemoryTable
from local.stack import Endpoints

PINNED = [
    (
        Consumer.getmany,
        "4b168d84882a70d6e3e2f9804430a63b92f8fd117d3187cbb4aeb54305bda34e",
        "LaneConsumer.getmany: what it does before it yields (flow, generation, active partitions) is repeated there",
    ),
    (
        Consumer._wait_next_records,
        "6218e1969a636b3ff504ad1b8e7ad58a113572e43d746cc96d684ed5153032c6",
        "LaneConsumer.getmany calls it: it must still return the fetch, or None, and the active partitions. Only its sleep of a "
        "second while no partition is active is replaced",
    ),
    (
        Consumer.wait_empty,
        "e4662fe24f094819add590b2d75f233840e77823b432aea6504539768572102f",
        "LaneConsumer.wait_empty stops lanes before it: it must still end with a commit and be called before a revocation",
    ),
    (
        Consumer._filter_tps_with_pending_acks,
        "f6f9239774234e7e230eee7c40c686421a66302be95e59c59a9109c2bba5fbd6",
        "LaneConsumer adds the lanes' partitions: it must still feed the commit",
    ),
    (
        Consumer._new_offset,
        "1d2c7ea89a7ad4f1a216c1d51936e569162cd66bd56f889e13fd29c910b58eb0",
        "LaneConsumer answers with the lane's committable offset: the result must still be the offset to commit, or None",
    ),
    (
        Consumer.verify_event_path,
        "a17e8f0610e1abcb03ac2a94f6fae3371ec988543b6fae4d889129d362c65f7a",
        "LaneConsumer leaves lane topics out of the livelock check: it must still be one call for each partition",
    ),
    (
        Consumer.on_buffer_full,
        "c8961679e0bcdce5c23b07143d687ec8814492012e176332552e81b8feb7862c",
        "LaneConsumer.getmany pauses a partition by it",
    ),
    (
        Consumer.on_buffer_drop,
        "4b57e8a418d5ad9c58632b13b58b377ae185855520fd1280870cf7141ac0d1d0",
        "LaneApp resumes a drained partition by it",
    ),
    (
        Consumer.perform_seek,
        "0e8c130ff4b0afd82c0be9c5fd831316e10febc62c94032833911096e156d7c6",
        "LaneConsumer.getmany returns to the committed offsets by it after a fetch that a rebalance overtook",
    ),
    (
        AIOKafkaConsumerThread._create_worker_consumer,
        "c2701bfc3e6f6cad95c2be36d6a255a86e2c57d18d36cc1082b5fb5c482d99d7",
        "LaneConsumerThread changes the long poll of what it returns: does a setting for fetch_max_wait_ms exist now?",
    ),
    (
        AIOKafkaConsumer.start,
        "2f1ba70443327538800d348e61042cdedd5a5e6306f40ebe1a06dddba7494c45",
        "LaneConsumerThread sets _fetch_max_wait_ms and _fetch_min_bytes, which must be read when the consumer starts",
    ),
    (
        App._new_transport,
        "42db531312dd776fc3937154a32f19eeb9ad7d4ebc2722a92d081a2d271baea1",
        "LaneApp._new_transport makes a LaneTransport: its arguments must be the same",
    ),
    (
        Agent.on_start,
        "d5e0bf83f5cd5cef1fcec159fe0962bdd18da81c4abdc01cffc11483706d240a",
        "LaneExecutedAgent.on_start subscribes the topic instead of starting actors",
    ),
    (
        Agent.on_stop,
        "aa6a7463a907344cb2e5b6572b4b49142bf48529fe27f488ca6b815906ef9265",
        "LaneExecutedAgent.on_stop has no actors to stop",
    ),
    (
        Store._db_for_partition,
        "cb7e67d5f9efc4bced7b7ab09a55fe717c352daad5b693594e3f7ca52a98787f",
        "LaneTable.database opens a partition by it",
    ),
    (
        Store.set_persisted_offset,
        "b4c811926678346ebb8c40486dbc46d0fbac2bbeaa592384bd955112556acf45",
        "LaneTable.commit writes the offset key in this format",
    ),
    (
        Collection._new_store,
        "914a2bda605d38f5b5bdf07f2d0b01ef565dd036b2b3e5391c54321094daf4b5",
        "SharedMemoryTable gives the store options of its own: it must still return the one store of the table",
    ),
    (
        RocksDBOptions.open,
        "ff87e92d69e2f487e2657c1df266543f4733d4acad3dd18fa5c86f239d8e340d",
        "SharedMemoryTable replaces as_options: a database must still be opened with what it returns",
    ),
    (
        App.Table,
        "e49f205922bb5121659c410e6a8edb1bc8009068dbb5b097c73f4a1868cc47bb",
        "LaneTable adds its table as app.Table does",
    ),
    (
        AIOKafkaConsumerThread.seek_to_committed,
        "775ab0adc4b052abee204d5347a556412b1f77ed4de971adde69a55a1cb6f908",
        "LaneConsumer.lane_positions starts lanes there: it must still seek and tell every partition with a committed offset",
    ),
    (
        AIOKafkaConsumerThread.earliest_offsets,
        "5d697cd768735af7b5aa13f130070e2e1a4db1f78ec5c04c2cf995c6c8c15b05",
        "LaneConsumer.lane_positions and _return_to take the beginning of the log from it",
    ),
    (
        AIOKafkaConsumerThread.highwaters,
        "b49ed48ec1731816169d552bc5b11d3449d4906a7250a484220ae364386d4d65",
        "LaneConsumer.lane_positions takes the end of the log from it: what is written behind it must not be counted",
    ),
    (
        AIOKafkaConsumerThread._highwaters,
        "a7f4f97d9f32aca2777713e22671d70eae4b3ae51541bb09a90448ce83acefce",
        "LaneConsumer.lane_positions takes the end of the log from it",
    ),
    (
        AIOKafkaConsumerThread.seek_wait,
        "12e8d34e554e90240c73ce9912f6533c7a6a3337abc5a31de5c83bc6ac973f25",
        "LaneConsumer._return_to goes back to a hole by it",
    ),
    (
        AIOKafkaConsumerThread._seek_wait,
        "9d221e816d9404678ac2d802b1419c7c2d166cbc9c8ec9f689a77673b8f2e85f",
        "LaneConsumer._return_to goes back to a hole by it: Faust's read offset must go back as well",
    ),
    (
        Recovery._resume_streams,
        "d986a6710c1aca98f08c4c723fb3eadc5bf24576ad4eb9da3dd3eecedda2f24e",
        "LaneApp starts lanes on its signal: it must still be sent before the generation is compared",
    ),
    (
        Recovery.on_recovery_completed,
        "6ef567acf072e46da3fccbccc6d662371f634f622c3d510972d5df81f70ae3ac",
        "LaneApp starts lanes on its signal: tables must be recovered then",
    ),
    (
        ConsumerRebalanceListener.on_partitions_assigned,
        "1c1f8406ad3698a6770a4ececb2f8074c0e80bea9ad0a0f4879baacb4ea996da",
        "LaneApp tells generations apart by consumer_generation_id",
    ),
    (
        Sender.close,
        "f60b3d023d2526f4c30e5642931e94770ddb6e4f2dff5b51155179a841eb06dd",
        "DurableProducer drops a session by it: nothing may be sent after it",
    ),
    (
        MessageAccumulator.fail_all,
        "f1e12e8100bfcb8ca8790485bef52098d20d022c5520f915d8db2c889102312c",
        "DurableProducer drops what is enqueued by it",
    ),
    (
        MessageAccumulator.add_batch,
        "5ed1c5b1367ad85413d82f5704ed1165eecee5f30be6c234b3210ffd9461f02a",
        "DurableProducer relies on it: a batch waits for the one before it, and nothing is taken after fail_all",
    ),
    (
        Recovery._restart_recovery.fun,
        "6bd8a8558a2dffe4c60b8150f23d721baa6b3d658367f911a3ad2187e20efc6f",
        "LaneRecovery does its steps with consumers of its own: when it starts, what it waits for and what ends it must be the same",
    ),
    (
        Recovery._slurp_changelogs.fun,
        "7825c7e50f766d5ab0fd246b63420ea0dfcd732d005f1057cc9da656ff5d3967",
        "LaneRecovery leaves it empty: only records of changelogs may pass it",
    ),
    (
        Recovery._publish_stats.fun,
        "48939a846a9af3a67d132c3b099300cfd647ebc6a6a6657fb3e9131c6b5aafd1",
        "LaneRecovery logs its own progress: it must do nothing but log",
    ),
    (
        Recovery.on_rebalance,
        "aa4d997a1795ceae3880f98311b46935d9ae1a183a699b9a283bb4306bc8641f",
        "LaneRecovery takes active_tps, standby_tps, tp_to_table and the generation from it, and is signalled by it",
    ),
    (
        Recovery.on_stop,
        "766b9af50a72dc2295a0fa4d37842731eef654986587515a6d26adbd3e5397df",
        "LaneRecovery stops its readers around it",
    ),
    (
        Recovery._wait,
        "ec7429b70176f8c688545780fdd6751714a1fa2ed247a9c0236adf9c99f16a53",
        "LaneRecovery runs its steps in it: it must still raise when the service stops or another rebalance begins",
    ),
    (
        Recovery._set_recovery_started,
        "bcfebf81ae13fc7551f3cdfee4335dc20600e084291fdcba0040b0defae84bec",
        "LaneRecovery calls it before it replays",
    ),
    (
        TableManager.on_start,
        "365dd25fbc0e068499c89e526516c638693a2d143b6ac249f84a60f5267fec9d",
        "LaneTables starts without its sleep: nothing else may be left out",
    ),
    (
        TableManager.on_rebalance,
        "2d2c23a07bf5432854a01ad790af19bb7e7acc8062a6ac2934ff0db94bf3924a",
        "LaneTables pauses recovery before it: databases are closed and opened in it",
    ),
    (
        TableManager.recovery.fget,
        "f0bf5de78b4c3d235c3554010480f407010ccb7c481c68852a985542b952df32",
        "LaneTables makes a LaneRecovery with the same arguments",
    ),
    (
        TableManager._update_channels,
        "88e3941facc934d697ef5bc26c6e21b0e30179c6d66493d12e77da501010e701",
        "LaneTables subscribes changelogs by it",
    ),
    (
        Consumer.resume_partitions,
        "afe6b7c02a41d63cd46d47a03f09b547c85289c108de21d682970057d1015c3b",
        "LaneConsumer wakes the fetch behind it",
    ),
    (
        AIOKafkaConsumer.seek_to_committed,
        "f6cd85c8b70a4ccf7e862de24f6c5d985038eed3e140990f000aa4b52eda8d72",
        "LaneConsumerThread gives it the source partitions only: it must still seek and tell each",
    ),
    (
        AIOKafkaConsumer.pause,
        "d5fc6f42365036159ad6d565389bc329601f8fb66ac437c3b165bb26b8586c74",
        "LaneRebalanceListener pauses changelogs by it before the first fetch",
    ),
    (
        Store.persisted_offset,
        "6f2e502fb86043a1cf0adca5c2fffb197579db01b31dbba3b0415aaacc35a2ed",
        "Replica.open reads the offset key in this format",
    ),
    (
        Store._open_for_partition,
        "1dc4e0113d67379dd61c0a396fa92636577d5fc6be60d4312253fa566080377b",
        "Replica opens and rebuilds a database by it",
    ),
    (
        Store.partition_path,
        "0cc4eae7dc33fcf199f5a271d5186984f3a18af73a5168a9961e71518eb7ab14",
        "Replica removes the folder of a database that it builds again",
    ),
    (
        Store.revoke_partitions,
        "3f85447a24fc34ffd1ecb5039f502ac6049d92fbd61d91371049bab01203e390",
        "databases of partitions that stay, active or standby, must stay open in it",
    ),
    (
        Store.assign_partitions,
        "34dc27ace6dd916054ed70a4d7d8572629713a8b002f7dee088f0a2f17aa991b",
        "databases of new active partitions are opened in it, before recovery",
    ),
    (
        PartitionAssignor._perform_assignment,
        "1e0bf2c5c8f42574670a8ef7661a043919c8e03b59ec966ce8109a36fd20fa52",
        "LanePartitionAssignor lets it find StandbyFirstAssignor in its module",
    ),
    (
        CopartitionedAssignor.get_assignment,
        "9e7c467c7140fd2298de29e2bc2f55313b29b95d8bc76fcf4529a37c7fadd676",
        "StandbyFirstAssignor promotes before it: it must keep what fits max_capacity",
    ),
    (
        CopartitionedAssignment.promote_standby_to_active,
        "78565e1a1dcd954fb5efb861359795af642fc8dc26a709dd5ddd5db8ec11e97c",
        "StandbyFirstAssignor promotes by it",
    ),
    (
        Fetcher.fetched_records,
        "be4348896b9b66afe048de954e2be91c546f4e96c94cb120d5764ec77ce8f19e",
        "ChangelogReader.fetch: it must move the position also when a fetch holds no record",
    ),
    (
        PartitionRecords._unpack_records,
        "b803e6d46480732c7a7faa8e784b338bcdd4e707ea67fba96c013654b04b8a08",
        "Replay ends by position: it must move past control batches and compacted offsets",
    ),
    (
        ServiceThread.start,
        "f11841038a033a05f2523901082d51dec9b4ef42b226ab2dd4b6223078a10680",
        "ConsumerInWorkerLoop starts without a thread: what it waits for must be the same",
    ),
    (
        ServiceThread.stop,
        "32d026539c3665b2ceaa8dcdc0c3f49195ceb5b6059947e7104a4b258d1d4efd",
        "ConsumerInWorkerLoop leaves out the join of the thread only",
    ),
    (
        ServiceThread._serve,
        "67809eae09573ac7b43d0679e70a5394acc739bee5809d30b89e9ea8a7ac4b38",
        "ConsumerInWorkerLoop runs it as a task of the worker's loop: it may end no task but its own, see _gather_remaining_tasks",
    ),
    (
        ServiceThread._gather_remaining_tasks,
        "6f65b92dd101248509e375f2087a1f46997098217fbabdd8b558efbb34b72915",
        "ConsumerInWorkerLoop leaves it out: it ends every task of the loop",
    ),
    (
        QueueServiceThread.call_thread,
        "479edda75b54734b48dabbb33071259949ded0a6f9fa6f82e81afdc42aff6e55",
        "ConsumerInWorkerLoop calls instead of queueing",
    ),
    (
        AIOKafkaClient.send,
        "246b277687d7b687d79fd81f0a9718633b61a5ead0a1e9898419a1151ae3a91d",
        "FencedProducer sends by it: what is not answered must be an error of the client",
    ),
    (
        AIOKafkaClient.coordinator_lookup,
        "19cc69fb75f8d667facc866d930dcf1ec3572d44964d0ccddf21c66b385bc7b1",
        "next_epoch finds the transaction coordinator by it",
    ),
    (
        SendProduceReqHandler.handle_response,
        "850323cc8f77abc3d315603e8fb3941bd7b39577bf06cce5c2ffe5f38a974f4c",
        "FencedProducer reads answers to produce requests as it does, error by error",
    ),
    (
        InitPIDHandler.handle_response,
        "bdb0727aba5de02edcee978afbaa8d6b546ad7cc7f27557c1f86dde41a7a7554",
        "next_epoch repeats the same errors",
    ),
    (
        GroupCoordinator.ensure_active_group,
        "33c84c1a93012e812cb3d1a6774ded1889f917a4ed4a56f9cf310f984e6fa596",
        "LaneRebalanceListener begins the heartbeat before this does: it must begin it once",
    ),
    (
        GroupCoordinator._start_heartbeat_task,
        "358d0cfad997f2e6e319665d615bd4d837c1829fcd2833103a993ce5b5e0e5f7",
        "LaneRebalanceListener calls it: a second call must do nothing",
    ),
    (
        GroupCoordinator.request_rejoin,
        "f70a261c91c38cb53dbe591926f6221c284cf86ffd0ffb8451830c43e6884556",
        "LaneConsumer.rejoin asks for a new assignment by it",
    ),
    (
        Store.revoke_partitions,
        "3f85447a24fc34ffd1ecb5039f502ac6049d92fbd61d91371049bab01203e390",
        "ClosingStore closes the same databases, at once",
    ),
    (
        Store.revoke_partitions,
        "3f85447a24fc34ffd1ecb5039f502ac6049d92fbd61d91371049bab01203e390",
        "ClosingStore closes the same databases, at once",
    ),
    (
        closed_connection._send,
        "5909ea32f4efca495f492e22f8ccfbcbfc1f4b3c96649d1e25055b8d05bd6f77",
        "translate_errors_of_closed_connections wraps it: it must raise before the request is counted as sent",
    ),
]

OVERRIDES = [
    (LaneConsumer, "getmany"),
    (LaneConsumer, "wait_empty"),
    (LaneConsumer, "_filter_tps_with_pending_acks"),
    (LaneConsumer, "_new_offset"),
    (LaneConsumer, "verify_event_path"),
    (LaneConsumer, "_new_consumer_thread"),
    (LaneConsumerThread, "_create_worker_consumer"),
    (LaneConsumer, "resume_partitions"),
    (LaneConsumer, "on_buffer_drop"),
    (LaneConsumer, "_wait_next_records"),
    (LaneConsumer, "RebalanceListener"),
    (LaneConsumerThread, "seek_to_committed"),
    (LaneRebalanceListener, "on_partitions_assigned"),
    (LaneRecovery, "_restart_recovery"),
    (LaneRecovery, "_slurp_changelogs"),
    (LaneRecovery, "_publish_stats"),
    (LaneRecovery, "on_stop"),
    (LaneTables, "recovery"),
    (LaneTables, "on_start"),
    (LaneTables, "on_rebalance"),
    (StandbyFirstAssignor, "get_assignment"),
    (LanePartitionAssignor, "_perform_assignment"),
    (LaneApp, "_new_transport"),
    (LaneApp, "on_started"),
    (LaneApp, "on_stop"),
    (LaneExecutedAgent, "on_start"),
    (LaneExecutedAgent, "on_stop"),
    (SharedMemoryTable, "_new_store"),
]


def test_the_versions_are_those_that_lanes_were_written_for() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka") == aiokafka.__version__ == "0.14.0"


@pytest.mark.parametrize(
    ("overridden", "pinned", "check"), PINNED, ids=lambda value: getattr(value, "__qualname__", "")
)
def test_the_source_that_lanes_rely_on_is_the_pinned_one(overridden: Any, pinned: str, check: str) -> None:
    found = hashlib.sha256(inspect.getsource(overridden).encode()).hexdigest()

    assert found == pinned, (
        f"{overridden.__module__}.{overridden.__qualname__} changed. Check: {check}. Then pin {found}"
    )


@pytest.mark.parametrize(("ours", "name"), OVERRIDES, ids=lambda value: getattr(value, "__name__", value))
def test_an_override_still_overrides_something(ours: type[Any], name: str) -> None:
    assert name in vars(ours)
    assert any(name in vars(base) for base in ours.__mro__[1:]), f"{ours.__name__}.{name} overrides nothing any more"


def test_the_offset_key_is_that_of_the_store() -> None:
    assert Store.offset_key == OFFSET_KEY


@pytest.mark.parametrize("setting", ["_fetch_max_wait_ms", "_fetch_min_bytes"])
async def test_a_starting_consumer_reads_what_lanes_have_set(setting: str, servers: Endpoints) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka_bootstrap)
    assert getattr(consumer, setting) != 77
    setattr(consumer, setting, 77)

    await consumer.start()
    try:
        await consumer.topics()  # aiokafka cannot be stopped before its tasks have begun
        assert getattr(consumer._fetcher, setting) == 77
    finally:
        await consumer.stop()
