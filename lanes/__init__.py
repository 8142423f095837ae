"""Turns Faust into a batch engine: whole fetched batches, one ordered lane per partition, one group commit per cycle.

Knows nothing of persons. Faust keeps membership and says which partitions are active and standby."""
