"""Hierarchical Kickstarting (Matthews et al. 2022): option policies as teachers, weighed by a learned policy over them.

No LLM is asked. Each option of the task's grammar is a teacher with its own policy pi_k, and a policy-over-teachers
w, a network of the student's kind trained from scratch alongside it, weighs them in every state:

    pi_mix(a|s) = sum_k w_k(s) pi_k(a|s),  over the options that can act in s

In each iteration the student learns as with an LLM (Eq. 2, the same annealing), with pi_mix in the place of pi_T. The
mixture is that of the iteration's start and stays fixed meanwhile, as a teacher's advice does. Then w improves by the
RL objective itself, PPO's clipped surrogate (Schulman et al. 2017, Eq. 7) of pi_mix, with the student's advantages. The
student took the actions, so each counts by its likelihood under the old mixture over that under the student, at most 1
(V-trace's truncation, Espeholt et al. 2018). The clipping leaves pi_mix free between the old mixture and the student
that acted, and by a fifth beyond either (`clip`): an action that some options advise and others do not moves the
weights from the first iteration on, however far the mixture still is from the student. So weight moves to the options
whose advice turned out better than what the student does on average; an action that no option advises moves nothing.
An entropy bonus with the student's own weight keeps w from settling early. After the annealing w is dropped.

What differs from the code that Matthews et al. released:

- Theirs trains w by the kickstarting loss alone, KL(student || pi_mix) with the gradient also through w, which draws
  the mixture towards the student; a second loss, KL(uniform || w), keeps w even. V-trace's RL term is of the student
  only. With deterministic options, as here and in the LLM4Teach paper, that KL is infinite.
- Their student takes KL(student || pi_mix); here it takes Eq. 2's KL(pi_mix || student) as from any other teacher, so
  that methods differ in the teacher alone. In both, the student acts.
- Theirs is a second head on the student's network, and the loss never fades entirely. Here w is a network of its own,
  an option that cannot act in a state has no weight there, and Eq. 3 ends the teaching.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.instructions import Option
from pipeline.student.fused import BETA1, BETA2, EPSILON
from pipeline.student.losses import normalised
from pipeline.student.network import make_network, on_device
from pipeline.student.optimiser import adam_state, load_adam_state
from pipeline.student.student import Rollout, UpdateSettings


def log_weights(scores: Tensor, policies: Tensor) -> Tensor:
    """Logarithms of w: the softmax of scores [rows, options] over the options that can act; minus infinity elsewhere.

    policies [rows, options, actions], zero where an option can't act. Rows without any such option come out even.
    """
    can_act = policies.sum(-1) > 0
    can_act |= ~can_act.any(-1, keepdim=True)
    return scores.masked_fill(~can_act, -torch.inf).log_softmax(-1)


def mixed(weights: Tensor, policies: Tensor) -> Tensor:
    """pi_mix [rows, actions] from w [rows, options] and the options' policies [rows, options, actions]."""
    return torch.einsum("rk,rka->ra", weights, policies)


def mixture_surrogate(probs: Tensor, old_probs: Tensor, log_probs: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """PPO's clipped surrogate of the mixture on actions that the student took, to be minimised; a scalar.

    probs, old_probs  of those actions, under the mixture and under that of the iteration's start: [rows]
    log_probs         of them under the student when it took them: [rows]
    advantages        [rows]

    A row's ratio probs / old_probs counts by old_probs / student, truncated at 1 as in V-trace (Espeholt et al. 2018,
    Section 4.1): together, probs over the larger of the two. Actions that no option advises have all of them zero.
    """
    student = log_probs.exp()
    lower, upper = torch.minimum(old_probs, student), torch.maximum(old_probs, student)
    clipped = probs.clamp((1 - clip) * lower, (1 + clip) * upper)
    return -(torch.min(probs * advantages, clipped * advantages) / upper).mean()


class PolicyOverTeachers:
    """Weighs options in each state; feeds on what `Student.encode` gives.

    options  the teachers; see `instructions.options_of`
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
            teacher[:] = mixed(weights, given).cpu().numpy()
        labelled[:] = policies.any((1, 2))

    def update(self, rollout: Rollout, policies: np.ndarray, orders: np.ndarray, settings: UpdateSettings) -> None:
        """The RL objective over a rollout, in the given orders (int64[epochs, rows]); see the module's head.

        rollout   its teacher is what `mix` filled in: the mixture of the iteration's start
        policies  float32[rows, options, actions], as they were given to `mix`
        """
        features = self._observed(rollout.features)
        given, old_mixture, taken, log_probs, advantages = (
            torch.from_numpy(column).to(self._device)
            for column in (policies, rollout.teacher, rollout.actions, rollout.log_probs, rollout.advantages)
        )
        taken = taken[:, None]
        old_probs = old_mixture.gather(-1, taken).squeeze(-1)
        for group in self._adam.param_groups:
            group["lr"] = settings.learning_rate
        for order in torch.from_numpy(orders).to(self._device):
            for rows in order.split(settings.minibatch):
                if len(rows) < settings.minibatch:
                    continue
                scores = self._scores({name: tensor[rows] for name, tensor in features.items()})
                logs = log_weights(scores, given[rows])
                weights = logs.exp()
                probs = mixed(weights, given[rows]).gather(-1, taken[rows]).squeeze(-1)
                surrogate = mixture_surrogate(
                    probs, old_probs[rows], log_probs[rows], normalised(advantages[rows]), settings.clip
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
