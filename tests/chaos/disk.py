"""A small disk for the data folder of one worker, which can be full from one moment to the next."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.chaos.clock import NotPossibleError

SIZE = 2 << 30


class DataDisk:
    """A tmpfs on a folder. Full means that it is resized to what it holds; raises NotPossibleError where mounting is not allowed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.is_mount():
            # Left by a run that was killed.
            self.close()
        folder.mkdir(parents=True, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs")

    def fill(self) -> None:
        """No further byte finds room."""
        used = shutil.disk_usage(self.folder).used
        self._mount("-o", f"remount,size={max(used, 4096)}")

    def free(self) -> None:
        """There is room again."""
        self._mount("-o", f"remount,size={SIZE}")

    def close(self) -> None:
        """Take the disk away with what it holds."""
        subprocess.run(["umount", "--lazy", str(self.folder)], capture_output=True, check=False)

    def _mount(self, *options: str) -> None:
        try:
            done = subprocess.run(["mount", *options, str(self.folder)], capture_output=True, text=True, check=False)
        except OSError as error:
            raise NotPossibleError(f"mount cannot be run: {error.strerror}") from error
        if done.returncode != 0:
            raise NotPossibleError(f"a small file system cannot be mounted: {done.stderr.strip()[-200:]}")
