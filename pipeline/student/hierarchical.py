"""Hierarchical Kickstarting (Matthews et al. 2022): option policies as teachers, weighed by a learned policy over them.

No LLM is asked. Each option of the task's grammar is a teacher with its own policy pi_k, and a policy-over-teachers
w, a network of the student's kind trained from scratch alongside it, weighs them in every state:

    pi_mix(a|s) = sum_k w_k(s) pi_k(a|s),  over the options that can act in s

In each iteration the student learns as with an LLM (Eq. 2, the same annealing), with pi_mix in the place of pi_T. The
mixture is that of the iteration's start and stays fixed meanwhile, as a teacher's advice does. Then w improves by the
RL objective itself: PPO's clipped surrogate (Schulman et al. 2017, Eq. 7) with pi_mix's own likelihood of the actions
that the student took, against the student's when it took them, and the same advantages. So weight moves to the options
whose advice turned out better than what the student does on average; an action that no option advises moves nothing.
An entropy bonus with the student's own weight keeps w from settling early.

The paper's release trains w through the kickstarting loss alone, which draws the mixture towards the student and is
infinite for deterministic options such as these; the student's loss here is the same for all methods, which makes
their comparison one of teachers. After the annealing the policy-over-teachers is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.instructions import Grammar, Option
from pipeline.student.fused import BETA1, BETA2, EPSILON
from pipeline.student.losses import normalised
from pipeline.student.network import make_network, on_device
from pipeline.student.optimiser import adam_state, load_adam_state
from pipeline.student.student import Rollout, UpdateSettings


def options_of(grammar: Grammar) -> tuple[Option, ...]:
    """Every option that a grammar allows, in its order: the teachers."""
    return tuple(
        Option(spec.name, things)
        for spec in grammar.options
        for things in ([(o,) for o in grammar.objects if o.endswith(spec.about)] if spec.about else [()])
    )


def log_weights(scores: Tensor, policies: Tensor) -> Tensor:
    """Logarithms of w: the softmax of scores [rows, options] over the options that can act; minus infinity elsewhere.

    policies [rows, options, actions], zero where an option can't act. Rows without any such option come out even.
    """
    can_act = policies.sum(-1) > 0
    can_act |= ~can_act.any(-1, keepdim=True)
    return scores.masked_fill(~can_act, -torch.inf).log_softmax(-1)


def mixture_surrogate(
    weights: Tensor, policies: Tensor, actions: Tensor, log_probs: Tensor, advantages: Tensor, clip: float
) -> Tensor:
    """PPO's clipped surrogate of the mixture against the behaviour, to be minimised.

    weights [rows, options]; policies [rows, options, actions]; actions int64 [rows]; log_probs of them under the
    behaviour, and advantages: [rows].
    """
    advised = policies.gather(-1, actions[:, None, None].expand(-1, policies.shape[1], 1)).squeeze(-1)
    ratio = (weights * advised).sum(-1) / log_probs.exp()
    return -torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


class PolicyOverTeachers:
    """Weighs options in each state; feeds on what `Student.encode` gives.

    options  the teachers; see `options_of`
    network, frames  the student's; a student's recurrence is its own
    """

    def __init__(
        self,
        options: tuple[Option, ...],
        network: Literal["egocentric", "map"],
        frames: int,
        device: str,
        rng: np.random.Generator,
    ) -> None:
        self.options = options
        self._device = torch.device(device)
        model = make_network(network, frames)
        model.initialise(rng)
        model.heads = nn.Linear(model.heads.in_features, len(options))
        nn.init.zeros_(model.heads.weight)  # at first, all options that can act weigh the same
        nn.init.zeros_(model.heads.bias)
        self._model = model.to(self._device)
        self._adam = torch.optim.Adam(self._model.parameters(), betas=(BETA1, BETA2), eps=EPSILON)

    def mix(
        self, features: Mapping[str, np.ndarray], policies: np.ndarray, teacher: np.ndarray, labelled: np.ndarray
    ) -> None:
        """Fill teacher (float32[rows, actions]) with pi_mix, and labelled (bool[rows]) with whether any option can act.

        policies float32[rows, options, actions]: see `Batch.option_policies`.
        """
        given = torch.from_numpy(policies).to(self._device)
        with torch.no_grad():
            weights = log_weights(self._scores(self._observed(features)), given).exp()
            teacher[:] = torch.einsum("rk,rka->ra", weights, given).cpu().numpy()
        labelled[:] = policies.any((1, 2))

    def update(self, rollout: Rollout, policies: np.ndarray, orders: np.ndarray, settings: UpdateSettings) -> None:
        """The RL objective over a rollout, in the given orders (int64[epochs, rows]); see the module's head."""
        features = self._observed(rollout.features)
        given = torch.from_numpy(policies).to(self._device)
        columns = [
            torch.from_numpy(column).to(self._device)
            for column in (rollout.actions, rollout.log_probs, rollout.advantages)
        ]
        for group in self._adam.param_groups:
            group["lr"] = settings.learning_rate
        for order in torch.from_numpy(orders).to(self._device):
            for rows in order.split(settings.minibatch):
                if len(rows) < settings.minibatch:
                    continue
                actions, old_log_probs, advantages = (column[rows] for column in columns)
                scores = self._scores({name: tensor[rows] for name, tensor in features.items()})
                logs = log_weights(scores, given[rows])
                weights = logs.exp()
                surrogate = mixture_surrogate(
                    weights, given[rows], actions, old_log_probs, normalised(advantages), settings.clip
                )
                entropy = -(weights * logs.clamp(min=-100)).sum(-1).mean()  # 0 * -inf counts as nothing
                self._adam.zero_grad()
                (surrogate - settings.entropy * entropy).backward()
                nn.utils.clip_grad_norm_(self._model.parameters(), settings.grad_norm)
                self._adam.step()

    def _observed(self, features: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """The features that were seen; a recurrent student's own state is not among them."""
        return on_device({name: features[name] for name in self._model.INPUTS}, self._device)

    def _scores(self, observed: dict[str, Tensor]) -> Tensor:
        return self._model.heads(self._model.encoded(**observed))

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the parameters and the optimiser's state."""
        parameters = {f"weights.{k}": v.detach().cpu().numpy().copy() for k, v in self._model.state_dict().items()}
        return parameters | {f"adam.{k}": v for k, v in adam_state(self._model, self._adam).items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `state` was taken."""

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

        self._model.load_state_dict({name: torch.from_numpy(value) for name, value in part("weights.").items()})
        load_adam_state(self._model, self._adam, part("adam."))
