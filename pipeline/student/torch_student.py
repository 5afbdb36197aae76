"""A student in torch: any network, any device, autograd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.student import egocentric
from pipeline.student.fused import BETA1, BETA2, EPSILON, LOSSES
from pipeline.student.losses import llm4teach_loss
from pipeline.student.network import make_network, on_device
from pipeline.student.optimiser import adam_state, load_adam_state
from pipeline.student.student import Memory, Rollout, Student, UpdateSettings


class TorchStudent(Student):
    """The `egocentric` or the `map` network, trained by autograd on a device.

    cell_kinds  uint8[objects, colours]: see `CellMap.kinds` (egocentric only)
    """

    def __init__(
        self,
        network: Literal["egocentric", "map"],
        cell_kinds: np.ndarray | None,
        device: str,
        rng: np.random.Generator,
    ) -> None:
        self._egocentric = network == "egocentric"
        self._cell_kinds = cell_kinds
        self._device = torch.device(device)
        self._model = self._make_model(network)
        self._model.initialise(rng)
        self._model.to(self._device)
        self._adam = torch.optim.Adam(self._model.parameters(), betas=(BETA1, BETA2), eps=EPSILON)
        self.parameters = sum(parameter.numel() for parameter in self._model.parameters())

    def _make_model(self, network: Literal["egocentric", "map"]) -> Any:
        """The network, its parameters not drawn yet."""
        return make_network(network)

    def features(self, rows: int) -> dict[str, np.ndarray]:
        if self._egocentric:
            return {"tokens": np.zeros((rows, egocentric.CELLS), np.uint16), "counts": np.zeros(rows, np.int32)}
        return {"map": np.zeros((rows, egocentric.GRID, egocentric.GRID, 4), np.uint8)}

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,  # noqa: ARG002 (this student keeps nothing)
    ) -> None:
        if self._egocentric:
            egocentric.encode(
                observation["map"], self._cell_kinds, egocentric.PLACES, features["tokens"], features["counts"]
            )
        else:
            features["map"][:] = observation["map"]

    def act(
        self,
        features: Mapping[str, np.ndarray],
        uniforms: np.ndarray | None,
        actions: np.ndarray,
        log_probs: np.ndarray,
        values: np.ndarray,
        memory: Memory | None = None,
    ) -> None:
        with torch.no_grad():
            logits, predicted, *after = self._model(**on_device(features, self._device))
            all_log_probs = logits.log_softmax(-1)
            if uniforms is None:
                chosen = logits.argmax(-1)
            else:
                cumulated = all_log_probs.exp().cumsum(-1)
                given = torch.from_numpy(uniforms).to(self._device)
                chosen = (cumulated <= given[:, None]).sum(-1).clamp(max=logits.shape[1] - 1)
            actions[:] = chosen.cpu().numpy()
            log_probs[:] = all_log_probs.gather(-1, chosen[:, None]).squeeze(-1).cpu().numpy()
            values[:] = predicted.cpu().numpy()
            if memory:
                self._keep(after, memory)

    def _keep(self, after: list[Tensor], memory: Memory) -> None:
        """Put what the network gives beside logits and values into the memory; this one gives nothing."""

    def _minibatches(self, order: Tensor, minibatch: int, steps: int) -> Iterator[Tensor]:  # noqa: ARG002
        """One epoch's order of rows in parts; an incomplete last one is left out."""
        return (rows for rows in order.split(minibatch) if len(rows) == minibatch)

    def _judge(self, features: dict[str, Tensor], steps: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Logits and values of a minibatch."""
        return self._model(**features)

    def update(self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings) -> dict[str, float]:
        features = on_device(rollout.features, self._device)
        names = ("actions", "log_probs", "advantages", "returns", "teacher", "labelled")
        columns = [torch.from_numpy(getattr(rollout, name)).to(self._device) for name in names]
        for group in self._adam.param_groups:
            group["lr"] = settings.learning_rate
        sums = torch.zeros(4, device=self._device)
        minibatches = 0
        for order in torch.from_numpy(orders).to(self._device):
            for rows in self._minibatches(order, settings.minibatch, rollout.steps):
                logits, values = self._judge({name: tensor[rows] for name, tensor in features.items()}, rollout.steps)
                loss = llm4teach_loss(
                    logits,
                    values,
                    *(column[rows] for column in columns),
                    clip=settings.clip,
                    value_weight=settings.value,
                    entropy_weight=settings.entropy,
                    teacher_weight=settings.teacher,
                    distance=settings.distance,
                )
                self._adam.zero_grad()
                loss.total.backward()
                nn.utils.clip_grad_norm_(self._model.parameters(), settings.grad_norm)
                self._adam.step()
                parts = (loss.policy_loss, loss.value_loss, loss.teacher_loss, loss.entropy)
                sums += torch.stack([part.detach() for part in parts])
                minibatches += 1
        means = (sums / minibatches).tolist()
        return dict(zip(LOSSES, means, strict=True))

    def weights(self) -> dict[str, np.ndarray]:
        return {name: value.detach().cpu().numpy().copy() for name, value in self._model.state_dict().items()}

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        try:
            self._model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        except RuntimeError as error:
            raise ValueError(f"parameters of another network: {error}") from None

    def optimiser(self) -> dict[str, np.ndarray]:
        return adam_state(self._model, self._adam)

    def load_optimiser(self, state: Mapping[str, np.ndarray]) -> None:
        load_adam_state(self._model, self._adam, state)
