"""One packed set for all tests of this folder; those who change it take a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sets import make_set


@pytest.fixture(scope="session")
def packed_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("sets") / "packed")


@pytest.fixture
def own_set(packed_set: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed_set, tmp_path / "set"))
