"""A student in torch: any network, any policy, any device, autograd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from pipeline.student.autograd.losses import llm4teach_loss
from pipeline.student.autograd.optimiser import adam_state, load_adam_state
from pipeline.student.networks.mlp import MLP
from pipeline.student.networks.modules import ActorCritic, Trunk, on_device
from pipeline.student.networks.network import STATE, Network
from pipeline.student.policies import Policy
from pipeline.student.student import BETA1, BETA2, LOSSES, Memory, Reduce, Rollout, Student, UpdateSettings


class TorchStudent(Student):
    """A network trained by autograd on a device.

    state  what the critic alone sees, a vector; None: the value is a head of the same network
    """

    def __init__(
        self, network: Network, policy: Policy, state: spaces.Space | None, device: str, rng: np.random.Generator
    ) -> None:
        self._network, self.policy = network, policy
        self._critic = MLP(spaces.Dict({STATE: state})) if state is not None else None
        self._device = torch.device(device)
        trunk = network.trunk(self.frames)
        self._model = self._make_model(trunk, self._critic.trunk() if self._critic else None)
        self._model.draw(network.first_state(rng, trunk.width, policy.outputs, self.frames), rng)
        self._model.to(self._device)
        self._adam = torch.optim.Adam(self._model.parameters(), betas=(BETA1, BETA2))
        self.parameters = sum(parameter.numel() for parameter in self._model.parameters())

    frames = 1
    """How many of an episode's last observations the network sees."""

    def _make_model(self, trunk: Trunk, critic: Trunk | None) -> ActorCritic:
        """The network, its parameters not drawn yet."""
        return ActorCritic(trunk, self.policy.outputs, critic)

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return self._network.features(rows) | (self._critic.features(rows) if self._critic else {})

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,  # noqa: ARG002 (this student keeps nothing)
    ) -> None:
        seen = dict(features)
        if self._critic:
            self._critic.encode(observation, {STATE: seen.pop(STATE)})
        self._network.encode(observation, seen)

    def act(
        self,
        features: Mapping[str, np.ndarray],
        noise: np.ndarray | None,
        actions: np.ndarray,
        log_probs: np.ndarray,
        values: np.ndarray,
        memory: Memory | None = None,
    ) -> None:
        with torch.no_grad():
            outputs, predicted, *after = self._model(**on_device(features, self._device))
            given = None if noise is None else torch.from_numpy(noise).to(self._device)
            distribution = self.policy.distribution(outputs)
            chosen = distribution.sample(given)
            actions[:] = chosen.cpu().numpy()
            log_probs[:] = distribution.log_prob(chosen).cpu().numpy()
            values[:] = predicted.cpu().numpy()
            if memory:
                self._keep(after, memory)

    def _keep(self, after: list[Tensor], memory: Memory) -> None:
        """Put what the network gives beside outputs and values into the memory; this one gives nothing."""

    def _minibatches(self, order: Tensor, minibatch: int, steps: int) -> Iterator[Tensor]:  # noqa: ARG002
        """One epoch's order of rows in parts; an incomplete last one is left out."""
        return (rows for rows in order.split(minibatch) if len(rows) == minibatch)

    def _judge(self, features: dict[str, Tensor], steps: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """The policy's outputs and the values of a minibatch."""
        outputs, values = self._model(**features)
        return outputs, values

    def update(
        self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings, reduce: Reduce | None = None
    ) -> dict[str, float]:
        features = on_device(rollout.features, self._device)
        names = ("actions", "log_probs", "advantages", "returns", "teacher", "labelled")
        columns = [torch.from_numpy(getattr(rollout, name)).to(self._device) for name in names]
        for group in self._adam.param_groups:
            group.update(lr=settings.learning_rate, eps=settings.epsilon)
        sums = torch.zeros(len(LOSSES), device=self._device)
        minibatches = 0
        for order in torch.from_numpy(orders).to(self._device):
            for rows in self._minibatches(order, settings.minibatch, rollout.steps):
                seen = {name: tensor[rows] for name, tensor in features.items()}
                given = (column[rows] for column in columns)
                loss = llm4teach_loss(self.policy, *self._judge(seen, rollout.steps), *given, settings=settings)
                self._adam.zero_grad()
                loss.total.backward()
                if reduce is not None:
                    self._reduce_gradient(reduce)
                nn.utils.clip_grad_norm_(self._model.parameters(), settings.grad_norm)
                self._adam.step()
                parts = (loss.policy_loss, loss.value_loss, loss.teacher_loss, loss.entropy)
                sums += torch.stack([part.detach() for part in parts])
                minibatches += 1
        means = (sums / minibatches).tolist()
        return dict(zip(LOSSES, means, strict=True))

    def _reduce_gradient(self, reduce: Reduce) -> None:
        """Replace the parameters' gradients by what `reduce` makes of them, all in one array."""
        parameters = [parameter for parameter in self._model.parameters() if parameter.grad is not None]
        flat = nn.utils.parameters_to_vector([p.grad for p in parameters if p.grad is not None]).cpu().numpy().copy()
        reduce(flat)
        for parameter, part in zip(
            parameters, np.split(flat, np.cumsum([p.numel() for p in parameters])[:-1]), strict=True
        ):
            parameter.grad = torch.from_numpy(part).to(self._device).view_as(parameter)

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
