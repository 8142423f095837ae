"""The memory of all RocksDB databases of a worker: one block cache, and one bound for all write buffers within it.

Guarantee: however many tables and partitions a worker holds, their blocks, indexes, filters and write buffers stay within one size;
only write buffers that are on their way into files come on top, at most one per table partition."""

from __future__ import annotations

from typing import Any

import faust
from faust.stores.rocksdb import RocksDBOptions, Store
from faust.types import TP, CollectionT, StoreT
from rocksdict import BlockBasedOptions, Cache, Options, WriteBufferManager

BLOOM_BITS_PER_KEY = 10
LOG_FILES = 2


class TableMemory:
    """What all databases of one worker share. `total_bytes` bounds the memory; at most half of it holds rows that are not in files yet."""

    def __init__(self, total_bytes: int, *, write_buffer_bytes: int, open_files: int) -> None:
        self.total_bytes = total_bytes
        self._cache = Cache(total_bytes)
        # Charged to the cache: blocks give way to rows that are being written, and the sum keeps its bound.
        self._write_buffers = WriteBufferManager.new_write_buffer_manager_with_cache(
            total_bytes // 2, False, self._cache
        )
        self._write_buffer_bytes = write_buffer_bytes
        self._open_files = open_files

    @property
    def used_bytes(self) -> int:
        """What the databases use of it now."""
        used: int = self._cache.get_usage()
        return used

    def options(self) -> Options:
        """Options to open one database with."""
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self._cache)
        # Outside the cache they would grow with the table.
        blocks.set_cache_index_and_filter_blocks(True)
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
        blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, False)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(blocks)
        options.set_write_buffer_manager(self._write_buffers)
        options.set_write_buffer_size(self._write_buffer_bytes)
        options.set_max_write_buffer_number(2)
        options.set_max_open_files(self._open_files)
        # RocksDB keeps a thousand of its own logs unless told otherwise.
        options.set_keep_log_file_num(LOG_FILES)
        return options


class SharedMemoryTable(faust.Table[bytes, bytes]):
    """A Faust table whose databases use the memory of the worker instead of caches and buffers of their own."""

    def __init__(self, *args: Any, memory: TableMemory, **kwargs: Any) -> None:
        self._memory = memory
        super().__init__(*args, **kwargs)

    def _new_store(self) -> StoreT:
        store = super()._new_store()
        if isinstance(store, Store):
            # Faust makes the store from the URL of the application; it has no place for another class.
            store.__class__ = ClosingStore
            store.rocksdb_options = _SharedOptions(self._memory)
        return store


class ClosingStore(Store):
    """Faust's RocksDB store; it closes databases itself instead of collecting garbage, once a table, until they are gone."""

    def revoke_partitions(self, table: CollectionT, tps: set[TP]) -> None:
        """Close the databases of partitions that go elsewhere."""
        for tp in tps:
            if tp.topic in table.changelog_topic.topics:
                database = self._dbs.pop(tp.partition, None)
                if database is not None:
                    database.close()


class _SharedOptions(RocksDBOptions):
    def __init__(self, memory: TableMemory) -> None:
        super().__init__(use_rocksdict=True)
        self._memory = memory

    def as_options(self) -> Options:
        return self._memory.options()
