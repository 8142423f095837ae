"""Owns who may ask a query and read a page: one port, its adapters, and the record of what was denied."""
