"""The policy over teachers of Hierarchical Kickstarting (Matthews et al. 2022): it weighs option policies.

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

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.student.autograd.losses import normalised
from pipeline.student.autograd.optimiser import adam_state, load_adam_state
from pipeline.student.networks.modules import on_device
from pipeline.student.networks.network import Network
from pipeline.student.policies import Policy
from pipeline.student.student import BETA1, BETA2, Rollout, UpdateSettings


def log_weights(scores: Tensor, can_act: Tensor) -> Tensor:
    """Logarithms of w: the softmax of scores [rows, options] over the options that can act; minus infinity elsewhere.

    can_act bool[rows, options]. Rows without any such option come out even.
    """
    can_act = can_act | ~can_act.any(-1, keepdim=True)
    return scores.masked_fill(~can_act, -torch.inf).log_softmax(-1)


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

    options          how many there are
    network, frames  the student's; a student's recurrence is its own
    policy           the student's, whose actions the options advise
    """

    def __init__(
        self, options: int, network: Network, frames: int, policy: Policy, device: str, rng: np.random.Generator
    ) -> None:
        self._policy = policy
        self._device = torch.device(device)
        trunk = network.trunk(frames)
        trunk.load_state_dict({k: torch.from_numpy(v) for k, v in network.trunk_state(rng, frames).items()})
        heads = nn.Linear(trunk.width, options)
        nn.init.zeros_(heads.weight)  # at first, all options that can act weigh the same
        nn.init.zeros_(heads.bias)
        self._inputs = trunk.inputs
        self._model = nn.Sequential()
        self._model.add_module("trunk", trunk)
        self._model.add_module("heads", heads)
        self._model.to(self._device)
        self._adam = torch.optim.Adam(self._model.parameters(), betas=(BETA1, BETA2))
        self._weights = torch.zeros(0)  # those of the latest `mix`

    def mix(
        self, features: Mapping[str, np.ndarray], policies: np.ndarray, teacher: np.ndarray, labelled: np.ndarray
    ) -> None:
        """Fill teacher (float32[rows, *teacher_shape]) with pi_mix, and labelled (bool[rows]): can any option act?

        policies float32[rows, options, *teacher_shape]: see `Batch.option_policies`. Of continuous actions pi_mix is
        the barycentre, see `DiagonalGaussian`.
        """
        given = torch.from_numpy(policies).to(self._device)
        with torch.no_grad():
            self._weights = log_weights(self._scores(self._observed(features)), _can_act(given)).exp()
            teacher[:] = torch.einsum("rk,rk...->r...", self._weights, given).cpu().numpy()
        labelled[:] = policies.reshape(len(policies), -1).any(1)

    def update(self, rollout: Rollout, policies: np.ndarray, orders: np.ndarray, settings: UpdateSettings) -> None:
        """The RL objective over a rollout, in the given orders (int64[epochs, rows]); see the module's head.

        policies  float32[rows, options, *teacher_shape], as they were given to the latest `mix`
        """
        features = self._observed(rollout.features)
        given, taken, log_probs, advantages = (
            torch.from_numpy(column).to(self._device)
            for column in (policies, rollout.actions, rollout.log_probs, rollout.advantages)
        )
        can_act = _can_act(given)
        likelihoods = self._policy.teacher_likelihood(given, taken) * can_act  # [rows, options]
        old_probs = (self._weights * likelihoods).sum(-1)
        for group in self._adam.param_groups:
            group.update(lr=settings.learning_rate, eps=settings.epsilon)
        for order in torch.from_numpy(orders).to(self._device):
            for rows in order.split(settings.minibatch):
                if len(rows) < settings.minibatch:
                    continue
                scores = self._scores({name: tensor[rows] for name, tensor in features.items()})
                logs = log_weights(scores, can_act[rows])
                weights = logs.exp()
                probs = (weights * likelihoods[rows]).sum(-1)
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
        return on_device(features, self._device, self._inputs)

    def _scores(self, observed: dict[str, Tensor]) -> Tensor:
        return self._model.heads(self._model.trunk(**observed))  # type: ignore[operator]

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


def _can_act(policies: Tensor) -> Tensor:
    """bool[rows, options]: options that can't act have policies of zeros."""
    return policies.flatten(2).ne(0).any(-1)
