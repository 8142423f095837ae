"""The derived index of a worker: one SQLite database per owned partition, made from committed rows and thrown away with the partition."""
