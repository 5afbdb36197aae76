"""A ledger lives on one machine: refuses the places where it can't, and tells which of its processes live.

SQLite's write-ahead log is memory that processes share, which no network file system gives to two machines
(sqlite.org/wal.html, "Overview").
"""

from __future__ import annotations

import uuid
import weakref
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

_NETWORK = {
    "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2",
    "orangefs", "panfs", "smb3", "smbfs", "sshfs", "wekafs",
}  # fmt: skip
"""Types of file systems that several machines may have mounted, without the `fuse.` before some of them."""


def network_file_system(folder: Path) -> str | None:
    """The type of file system of an existing folder, if several machines may have it mounted."""
    place = folder.resolve()
    mounted = [part for part in psutil.disk_partitions(all=True) if place.is_relative_to(part.mountpoint)]
    if not mounted:
        return None
    longest = max(len(part.mountpoint) for part in mounted)
    found = [part.fstype for part in mounted if len(part.mountpoint) == longest][-1]  # the last hides those before it
    return found if found.removeprefix("fuse.") in _NETWORK else None


class Owner:
    """How a process signs its claims: by the name of a file that it keeps locked.

    The system gives the lock up when the process ends, in whatever way, so nobody has to guess whether it lives.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.name = folder, uuid.uuid4().hex
        lock = FileLock(folder / self.name)
        lock.acquire(timeout=0)
        weakref.finalize(self, _remove, lock)

    def lives(self, name: str) -> bool:
        """Whether the process that signs with this name lives."""
        path = self._folder / name
        if not path.exists():
            return False
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        _remove(lock)
        return False


def _remove(lock: FileLock) -> None:
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)
