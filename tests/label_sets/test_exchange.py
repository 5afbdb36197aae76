"""Pushing and pulling: the Hub's own client against a stand-in on loopback, plain folders, and DVC with local git."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from hub import TOKEN, Hub
from sets import TASK, make_set
from tiny import BIN, ROOT, write_params

from pipeline.label_sets import exchange
from pipeline.label_sets.folder import SetError
from pipeline.label_sets.verify import verify
from pipeline.tables import read_instructions


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(hub.app(), port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            pass
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class User:
    """Somebody with a folder of their own, who types commands."""

    hub: Hub
    endpoint: str
    home: Path
    token: str | None = TOKEN

    def type_line(self, line: str) -> subprocess.CompletedProcess[str]:
        """A whole command, as a card prints it."""
        return self._run(shlex.split(line)[1:], {})

    def type(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """What follows `llm4teach labels`."""
        return self._run(["labels", *map(str, words)], environment)

    def _run(self, words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        settings = {
            **clean, "HF_ENDPOINT": self.endpoint, "HF_HOME": str(self.home / "hf"), "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1", **({"HF_TOKEN": self.token} if self.token else {}), **environment,
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-c", "from cli import app; app()", *words],
            cwd=self.home, env={**settings, "PYTHONPATH": str(ROOT)}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    hub = Hub()
    with serving(hub) as endpoint:
        yield User(hub, endpoint, tmp_path)


def push(user: User, folder: Path, *options: str) -> str:
    done = user.type("push", folder, "me/labels", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_set_goes_to_the_hub_and_back_pinned_to_a_commit_and_checked(user: User, packed_set: Path) -> None:
    pushed = push(user, packed_set, "--tag", "v1")
    repo = user.hub.repos["me/labels"]
    assert pushed == f"me/labels@{repo.names['main']}"
    assert repo.names["v1"] == repo.names["main"]
    for wanted, target in ((pushed, "by-commit"), ("me/labels", "newest"), ("me/labels@v1", "by-tag")):
        done = user.type("pull", wanted, target)
        assert done.stdout == f"{target}: 5 labels of {TASK}, from {pushed}\n", done.stderr
        for path in packed_set.rglob("*"):
            if path.is_file():
                assert (user.home / target / path.relative_to(packed_set)).read_bytes() == path.read_bytes()
        assert verify(user.home / target).notes == ()
    assert TOKEN not in "".join(path.read_text(errors="replace") for path in (user.home / "newest").rglob("*.*"))


def test_what_a_push_leaves_out_is_gone_from_the_new_revision_and_kept_in_the_old(user: User, own_set: Path) -> None:
    first = push(user, own_set)
    (own_set / TASK / "states.parquet").unlink()
    assert user.type("pack", own_set).returncode == 0
    second = push(user, own_set)
    repo = user.hub.repos["me/labels"]
    assert f"{TASK}/states.parquet" in repo.commits[first.partition("@")[2]]
    assert f"{TASK}/states.parquet" not in repo.commits[second.partition("@")[2]]
    assert user.type("pull", first, "old").returncode == 0
    assert (user.home / "old" / TASK / "states.parquet").is_file()


def test_offline_a_copy_is_used_only_by_its_commit(user: User, packed_set: Path) -> None:
    pushed = push(user, packed_set)
    assert user.type("pull", pushed, "online").returncode == 0
    user.endpoint = "http://127.0.0.1:1"
    again = user.type("pull", pushed, "offline", HF_HUB_OFFLINE="1")
    assert (again.returncode, again.stdout) == (0, f"offline: 5 labels of {TASK}, from {pushed}\n")
    newest = user.type("pull", "me/labels", "x", HF_HUB_OFFLINE="1")
    assert newest.returncode == 2
    assert "HF_HUB_OFFLINE is set, so name the commit (40 digits)" in newest.stderr
    other = user.type("pull", f"me/labels@{'0' * 40}", "x", HF_HUB_OFFLINE="1")
    assert other.returncode == 2
    assert "not in the Hub's cache" in other.stderr
    unreachable = user.type("pull", "me/labels", "x")
    assert (unreachable.returncode, unreachable.stderr.count("\n")) == (2, 1)
    assert "the Hub can't be reached" in unreachable.stderr
    assert not (user.home / "x").exists()


def test_what_the_hub_serves_damaged_or_oversized_is_never_put_into_its_place(user: User, packed_set: Path) -> None:
    pushed = push(user, packed_set)
    path = f"{TASK}/labels.parquet"
    content = user.hub.repos["me/labels"].commits[pushed.partition("@")[2]][path]
    user.hub.spoiled[path] = content[:-1] + bytes([content[-1] ^ 1])
    done = user.type("pull", pushed, "x")
    assert done.returncode == 2
    assert done.stderr == (
        f"llm4teach: x: {path}: its sha256 is not the one in SHA256SUMS; it was changed or damaged\n"
    )
    user.hub.sizes[path] = 2**50
    done = user.type("pull", "me/labels", "x")
    assert f"{path} has {2**50} bytes; at most" in done.stderr
    user.hub.repos["me/labels"].commit({"load.py": b"print('here')"})
    done = user.type("pull", "me/labels", "x")
    assert done.stderr.endswith("load.py has no place in a label set\n")
    assert [one.name for one in user.home.iterdir() if one.name.startswith((".x", "x"))] == []


def test_what_is_wrong_with_an_address_or_a_login_is_said_in_one_line(user: User, packed_set: Path) -> None:
    for words, message in (
        (("pull", "me/nothing", "x"), "me/nothing@main: there is no such dataset, or it is private"),
        (("pull", "no address", "x"), "no address: neither a folder that exists nor OWNER/NAME"),
        (("push", packed_set / "nowhere", "me/labels"), "there is no such folder"),
    ):
        done = user.type(*words)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert message in done.stderr
    pushed = push(user, packed_set)
    assert "the dataset has no such revision" in user.type("pull", "me/labels@v9", "x").stderr
    (user.home / "x").mkdir()
    (user.home / "x" / "mine").touch()
    assert "x: is there already" in user.type("pull", pushed, "x").stderr
    user.token = None
    done = user.type("push", packed_set, "me/other")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "log in with `hf auth login`, or set HF_TOKEN" in done.stderr


def test_a_damaged_set_is_not_pushed(user: User, own_set: Path) -> None:
    os.truncate(own_set / TASK / "labels.parquet", 100)
    done = user.type("push", own_set, "me/labels")
    assert done.returncode == 2
    assert user.hub.calls == []


def test_a_plain_folder_is_a_place_to_push_to_and_pull_from(packed_set: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared" / "set"
    assert exchange.push(packed_set, exchange.source(str(shared))).folder == shared
    pinned, found = exchange.pull(exchange.source(str(shared)), tmp_path / "mine")
    assert (pinned.folder, found.rows["labels"]) == (shared, 5)
    (shared / "README.md").write_text("changed")
    with pytest.raises(SetError, match=r"README\.md: its sha256 is not the one"):
        exchange.pull(exchange.source(str(shared)), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_dvc_gets_and_imports_a_set_from_a_git_repository(tmp_path: Path) -> None:
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    make_set(theirs / "data/published/labels")
    for words in (
        ["git", "init", "-q", "."], ["git", "add", "."],
        ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-q", "-m", "labels"],
    ):  # fmt: skip
        subprocess.run(words, cwd=theirs, check=True)
    mine.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=mine, check=True)
    subprocess.run([BIN / "dvc", "init", "-q"], cwd=mine, check=True)
    for command, name in (("get", "got"), ("import", "imported")):
        subprocess.run(
            [BIN / "dvc", command, "-q", str(theirs), "data/published/labels", "-o", name], cwd=mine, check=True
        )
        assert verify(mine / name).rows["labels"] == 5


def test_a_stranger_trains_a_student_by_the_three_commands_of_the_card(user: User, packed_set: Path) -> None:
    """In an empty folder, with no key and no network but loopback; the last command needs not even that."""
    pushed = push(user, packed_set)
    card = (packed_set / "README.md").read_text()
    (commands,) = re.findall(r"```sh\n(.*?)```", card, re.S)
    write_params(user.home / "params.yaml", {})
    user.token = None
    lines = commands.replace("OWNER/NAME@REVISION", pushed).replace("NAME", "mine").splitlines()
    assert len(lines) == 3
    for line in lines:
        done = user.type_line(line)
        assert done.returncode == 0, done.stderr
    assert (user.home / "data/students" / TASK / "llm4teach/taught/0/student.safetensors").is_file()


def test_the_label_stage_takes_a_set_by_its_commit_and_nothing_else(user: User, packed_set: Path) -> None:
    pushed = push(user, packed_set)
    write_params(user.home / "params.yaml", {"label.from": pushed})
    (user.home / "data/states").mkdir(parents=True)
    states = user.home / "data/states" / f"{TASK}.parquet"
    states.write_bytes((packed_set / TASK / "states.parquet").read_bytes())
    done = user.type_line(f"llm4teach label --task {TASK}")
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        read_instructions(folder / TASK / "labels.parquet", TASK) for folder in (user.home / "data/labels", packed_set)
    )
    assert ours == theirs
    calls = len(user.hub.calls)
    assert user.type_line(f"llm4teach label --task {TASK}").returncode == 0  # from the copy beside the ledger
    assert len(user.hub.calls) == calls
    kept = user.home / ".teacher_cache/sets" / pushed.replace("/", "--") / "README.md"
    kept.write_text("changed")
    assert "its sha256 is not the one" in user.type_line(f"llm4teach label --task {TASK}").stderr
    for wanted, task, message in (
        ("me/labels", TASK, "name the commit (40 digits"),
        (str(packed_set), "LavaDoorKey", "has no labels of LavaDoorKey"),
    ):
        write_params(user.home / "params.yaml", {"label.from": wanted})
        done = user.type_line(f"llm4teach label --task {task}")
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
