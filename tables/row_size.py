"""The bound of a row: what one changelog record may hold."""


class RowTooLargeError(Exception):
    """A row would exceed its bound. The message tells the size only."""


def fitting(value: bytes, max_bytes: int) -> bytes:
    """The value; raises RowTooLargeError above `max_bytes`."""
    if len(value) > max_bytes:
        raise RowTooLargeError(f"{len(value)} bytes")
    return value
