"""A student with a recurrent state: PPO over sequences, truncated at the rollout's horizon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from pipeline.student.autograd.student import TorchStudent
from pipeline.student.networks.modules import RecurrentActorCritic, Trunk
from pipeline.student.student import Memory


class RecurrentStudent(TorchStudent):
    """An LSTM between the network's trunk and its heads; see `modules.RecurrentActorCritic`.

    The state is carried over the steps of an episode and, between iterations, over the end of a rollout. Gradients
    reach back to a rollout's first step, whose state is the one that was acted with. Minibatches are of whole
    environments, all steps of each: as many as make up `minibatch` rows, and one at least.

    hidden, cell  float32[rows, width]: the state before a step
    going         bool[rows]: False at an episode's first step
    """

    _model: RecurrentActorCritic

    def _make_model(self, trunk: Trunk, critic: Trunk | None) -> RecurrentActorCritic:
        return RecurrentActorCritic(trunk, self.policy.outputs, critic)

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return super().features(rows) | self.memory(rows)

    def memory(self, rows: int) -> Memory:
        state = {name: np.zeros((rows, self._model.lstm.hidden_size), np.float32) for name in ("hidden", "cell")}
        return state | {"going": np.zeros(rows, np.bool_)}

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,
    ) -> None:
        state = ("hidden", "cell", "going")
        super().encode(observation, {name: kept for name, kept in features.items() if name not in state})
        for name in state:
            features[name][:] = memory[name] if memory else 0

    def _keep(self, after: list[Tensor], memory: Memory) -> None:
        for name, state in zip(("hidden", "cell"), after, strict=True):
            memory[name][:] = state.cpu().numpy()
        memory["going"][:] = True

    def _minibatches(self, order: Tensor, minibatch: int, steps: int) -> Iterator[Tensor]:
        environments = len(order) // steps
        # The rows of the first step, in their order. Where that is the only one, an order may leave some rows out.
        chosen = order[order < environments] if steps > 1 else order
        offsets = torch.arange(steps, device=order.device)[:, None] * environments
        together = max(1, minibatch // steps)
        return ((offsets + part).flatten() for part in chosen.split(together) if len(part) == together)

    def _judge(self, features: dict[str, Tensor], steps: int) -> tuple[Tensor, Tensor]:
        outputs, values, *_ = self._model(**features, steps=steps)
        return outputs, values
