"""`person backup` and `person restore`: the streams and what no stream tells, in a folder, and an installation made from it."""
