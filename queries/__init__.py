"""Questions over the tables: NATS services on every worker, forwarded to the worker that owns the partition, and HTTP pages."""
