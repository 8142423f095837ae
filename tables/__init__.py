"""The tables: one file each, with name, key, row and read methods."""
