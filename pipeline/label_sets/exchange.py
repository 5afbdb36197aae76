"""Getting and giving label sets: the Hugging Face Hub by its own client, or a plain folder.

What comes from elsewhere is checked before it is put into its place. The Hub's client takes its settings from the
environment (`HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_TOKEN`, the user's login), and nothing of them is kept.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from pipeline.label_sets.folder import LEFT_BY_HOSTS, Limits, SetError, files_of, folder_of, plain_file
from pipeline.label_sets.verify import Verified, verify
from pipeline.teacher.answers.ledger import cache_folder
from pipeline.terminal import printable

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")


class Source(NamedTuple):
    """Where a set lies: a folder, or a dataset of the Hub at a revision (None: the newest)."""

    folder: Path | None
    repo: str = ""
    revision: str | None = None

    def __str__(self) -> str:
        return str(self.folder or f"{self.repo}@{self.revision or 'main'}")

    @property
    def pinned(self) -> bool:
        """Whether it will always be the same: a commit by its 40 digits, or whatever is in a folder of one's own."""
        return self.folder is not None or bool(self.revision and _COMMIT.fullmatch(self.revision))


def source(text: str, root: Path = Path()) -> Source:
    """What a person means: a folder that exists (or begins with ., / or ~), else OWNER/NAME[@REVISION] on the Hub.

    Raises SetError if it is neither.
    """
    path = root / Path(text).expanduser()
    if path.is_dir() or text.startswith((".", "/", "~")):
        return Source(path)
    match = _HUB.fullmatch(text)
    if match is None:
        raise SetError(
            f"{printable(text)}: neither a folder that exists nor OWNER/NAME or OWNER/NAME@REVISION on the Hub"
        )
    return Source(None, match.group(1), match.group(2))


def task_folder(text: str, task: str, root: Path) -> Path:
    """The folder of a task's tables in a set that `label.from` names, once the set has been checked.

    A set of the Hub, named by its commit, is pulled once and kept beside the ledger. Raises SetError.
    """
    wanted = source(text, root)
    if not wanted.pinned:
        raise SetError(f"label.from: {text}: name the commit (40 digits, as `labels pull` prints it)")
    folder = wanted.folder or cache_folder(root) / "sets" / f"{wanted.repo.replace('/', '--')}@{wanted.revision}"
    if folder.is_dir():
        verify(folder)
    else:
        pull(wanted, folder)
    place = folder / folder_of(task)
    if not (place / "labels.parquet").is_file():
        raise SetError(f"label.from: {text}: has no labels of {task}")
    return place


def pull(wanted: Source, target: Path, limits: Limits | None = None) -> tuple[Source, Verified]:
    """Fetch a set, check it, and only then put it into a folder that is not there yet (or empty).

    Returns where it came from, pinned to a commit, and what was found. Raises SetError.
    """
    limits = limits or Limits()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SetError(f"{printable(target)}: is there already; remove it, or pull into another folder")
    if wanted.folder is not None:
        found, names = wanted.folder, list(files_of(wanted.folder, limits))
    else:
        wanted, found, names = _fetch(wanted, limits)
    return wanted, _put(found, names, target, limits)


def _put(found: Path, names: list[str], target: Path, limits: Limits) -> Verified:
    """Copy files beside the target, check them there, and rename the folder into its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for name in names:
            (part / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(found / name, part / name)
        try:
            verified = verify(part, limits)
        except SetError as error:
            raise SetError(str(error).replace(str(part), printable(target), 1)) from None
        part.chmod(0o755)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return verified


def _fetch(wanted: Source, limits: Limits) -> tuple[Source, Path, list[str]]:
    """Download one commit of a dataset into the Hub's cache: the pinned source, the folder, the files of the set."""
    with _said_plainly(wanted) as hub:
        offline = hub.is_offline_mode()
        if offline and not wanted.pinned:
            raise SetError(f"{wanted}: HF_HUB_OFFLINE is set, so name the commit (40 digits) of a copy that you have")
        patterns = None
        if not offline:
            info = hub.HfApi().dataset_info(wanted.repo, revision=wanted.revision, files_metadata=True)
            if wanted.pinned and info.sha != wanted.revision:
                raise SetError(f"{wanted}: the Hub answers with another commit, {printable(info.sha, 50)}")
            wanted = wanted._replace(revision=info.sha)
            if not wanted.pinned:
                raise SetError(f"{wanted}: the Hub gave no commit")
            patterns = _small_enough(info.siblings or [], wanted, limits)
        folder = Path(
            hub.snapshot_download(
                wanted.repo, repo_type="dataset", revision=wanted.revision, allow_patterns=patterns,
                ignore_patterns=list(LEFT_BY_HOSTS),
            )
        )  # fmt: skip
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    return wanted, folder, [name for name in names if name not in LEFT_BY_HOSTS]


def _small_enough(files: list[Any], wanted: Source, limits: Limits) -> list[str]:
    """The files of a set among those of a repository, before any is downloaded."""
    if len(files) > limits.files:
        raise SetError(f"{wanted}: more than {limits.files} files")
    for one in files:
        if one.rfilename in LEFT_BY_HOSTS:
            continue
        if not plain_file(one.rfilename):
            raise SetError(f"{wanted}: {printable(one.rfilename)} has no place in a label set")
        if one.size is None or not 0 <= one.size <= limits.file_bytes:
            raise SetError(
                f"{wanted}: {one.rfilename} has {printable(one.size)} bytes; at most {limits.file_bytes} are taken"
            )
    return [one.rfilename for one in files if one.rfilename not in LEFT_BY_HOSTS]


def push(folder: Path, to: Source, private: bool = False, tag: str | None = None) -> Source:
    """Check a set and give it: to a dataset of the Hub, made if there is none, or to a folder that is not there yet.

    Returns where it now lies, pinned to the commit. Raises SetError.
    """
    limits = Limits()
    if to.folder is not None:
        return pull(Source(folder), to.folder)[0]._replace(folder=to.folder)
    verify(folder, limits)
    with _said_plainly(to) as hub:
        api = hub.HfApi()
        api.create_repo(to.repo, repo_type="dataset", private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=to.repo, repo_type="dataset", revision=to.revision, folder_path=folder,
            allow_patterns=list(files_of(folder, limits)), delete_patterns="*", commit_message="Label set",
        )  # fmt: skip
        pushed = to._replace(revision=commit.oid)
        if tag is not None:
            api.create_tag(to.repo, repo_type="dataset", tag=tag, revision=commit.oid)
    return pushed


@contextmanager
def _said_plainly(place: Source) -> Iterator[Any]:
    """The Hub's client, whose errors become one line; it is loaded here, as it takes a while."""
    import httpx2
    import huggingface_hub
    from huggingface_hub import errors

    try:
        yield huggingface_hub
    except errors.GatedRepoError:
        raise SetError(f"{place}: its owner asks for consent first; give it on the Hub's page, and log in") from None
    except errors.RepositoryNotFoundError:
        raise SetError(
            f"{place}: there is no such dataset, or it is private and you are not logged in (hf auth login)"
        ) from None
    except errors.RevisionNotFoundError:
        raise SetError(f"{place}: the dataset has no such revision") from None
    except errors.LocalEntryNotFoundError:
        raise SetError(
            f"{place}: not in the Hub's cache, and the Hub can't be reached or HF_HUB_OFFLINE is set"
        ) from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        advice = "; log in with `hf auth login`, or set HF_TOKEN" if status in (401, 403) else ""
        raise SetError(f"{place}: the Hub refused (HTTP {status}){advice}") from None
    except (httpx2.HTTPError, errors.OfflineModeIsEnabled, ConnectionError) as error:
        raise SetError(
            f"{place}: the Hub can't be reached ({printable(str(error) or type(error).__name__, 120)})"
        ) from None
    except errors.HFValidationError as error:
        raise SetError(f"{place}: {printable(error, 200)}") from None
