"""Files are whole or not there, killed writers leave nothing for long, and what goes wrong names the file."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.files import naming, whole_file, write_bytes
from pipeline.student.runs.tracking import GROUPS, EventLog
from pipeline.tables import STATES, write_table

WRITER = """
import sys
from pathlib import Path
from pipeline.files import whole_file

with whole_file(Path(sys.argv[1])) as file:
    file.write(b"whole")
    file.flush()
    print("writing", flush=True)
    input()
"""


@contextmanager
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun to write a file, and ends it once it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """The system refuses to let this process's files grow further, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_next_file_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    with writer(tmp_path / "first") as process:
        process.kill()
        process.wait()
        assert names(tmp_path) == [f".first.{process.pid}.part"]
    write_bytes(tmp_path / "second", b"2")
    assert names(tmp_path) == ["second"]


def test_what_a_living_writer_has_begun_stays(tmp_path: Path) -> None:
    path = tmp_path / "first"
    with writer(path) as process:
        write_bytes(path, b"mine")
        write_bytes(tmp_path / "second", b"2")
        assert names(tmp_path) == [f".first.{process.pid}.part", "first", "second"]
        process.communicate("go on\n")
        assert process.returncode == 0
    assert path.read_bytes() == b"whole"
    assert names(tmp_path) == ["first", "second"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a failing power supply would leave an empty file under its name."""
    synced: list[int] = []

    def fsync(number: int) -> None:
        assert not (tmp_path / "file").exists()
        synced.append(os.fstat(number).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    write_bytes(tmp_path / "file", b"whole")
    assert synced == [5]


def test_files_of_others_that_look_alike_stay(tmp_path: Path) -> None:
    (tmp_path / ".mine.part").touch()
    (tmp_path / "7.part").touch()
    write_bytes(tmp_path / "file", b"")
    assert names(tmp_path) == [".mine.part", "7.part", "file"]


def write_events(folder: Path) -> None:
    log = EventLog(folder, "train")
    try:
        for step in range(100):
            log.add({"env_steps": step, **dict.fromkeys(GROUPS.values(), 0.0)})
    finally:
        log.close()


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda path: write_bytes(path, bytes(2000)), r"/data/file$"),
        (lambda path: write_table(path, ({"state_text": str(n)} for n in range(99)), STATES), r"/data/file$"),
        (write_events, r"/data/file/events\.out\.tfevents\.[^/]*\.train$"),
    ],
    ids=["bytes", "table", "events"],
)
def test_where_there_is_no_room_the_error_names_the_file(
    tmp_path: Path, write: Callable[[Path], None], name: str
) -> None:
    with no_room_beyond(1000), pytest.raises(OSError) as raised:
        write(tmp_path / "data/file")
    assert raised.value.errno == errno.EFBIG
    assert raised.value.filename is not None
    raised.match(name.replace("$", "'$"))
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_that_can_t_hold_the_file_is_an_error_about_the_file(tmp_path: Path) -> None:
    name = "x" * 250  # with more to it, it is too long
    with pytest.raises(OSError) as raised:
        write_bytes(tmp_path / name, b"")
    assert raised.value.filename == str(tmp_path / name)


def test_errors_about_another_file_keep_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, whole_file(tmp_path / "file"):
        (tmp_path / "other").read_bytes()
    assert str(raised.value.filename) == str(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="a message of our own"), naming(tmp_path / "file"):
        raise FileNotFoundError("a message of our own")
