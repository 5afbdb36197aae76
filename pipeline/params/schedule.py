"""A schedule: how a student learns, in numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipeline.params.section import Section


class Schedule(Section):
    """How a student learns: PPO's settings (paper Table 1) and the annealing of the teacher's share (paper Eq. 3).

    envs, horizon        environments, and steps of each, per iteration
    epochs, minibatch    passes over an iteration's steps, and steps per gradient
    lr, lr_end           Adam's learning rate, falling linearly over all iterations
    epsilon              Adam's, added to the root of the second moment
    entropy, entropy_end weight of the entropy bonus, falling linearly over all iterations
    value                weight of the value loss
    gamma, gae           discount, and lambda of generalised advantage estimation
    truncation           what follows an episode that the task's horizon cuts off: nothing (`terminal`), or what the
                         student expects after its last observation (`bootstrap`)
    clip, grad_norm      PPO's clipping range, and the largest norm of a gradient
    distance             D of Eq. 2: `kl`, or `wasserstein` (W1, all actions one apart)
    lambda_0, lambda_c   the teacher's weight at the first iteration, and the constant kept between i1 and i2
    counted_in           what i1, i2 and finetune count: `iterations`, or environment `steps` (the paper's Table 2)
    i1, i2               where the linear fall ends, and where the teacher leaves
    finetune             what follows after i2 without a teacher
    """

    envs: int = Field(ge=1, le=65536)
    horizon: int = Field(ge=1, le=4096)
    epochs: int = Field(ge=1, le=100)
    minibatch: int = Field(ge=1)
    lr: float = Field(gt=0, le=1)
    lr_end: float = Field(ge=0, le=1)
    epsilon: float = Field(default=1e-5, gt=0, le=1)
    entropy: float = Field(ge=0, le=10)
    entropy_end: float = Field(ge=0, le=10)
    value: float = Field(ge=0, le=100)
    gamma: float = Field(ge=0, le=1)
    gae: float = Field(ge=0, le=1)
    truncation: Literal["terminal", "bootstrap"] = "terminal"
    clip: float = Field(gt=0, le=1)
    grad_norm: float = Field(gt=0)
    distance: Literal["kl", "wasserstein"] = "kl"
    lambda_0: float = Field(ge=0)
    lambda_c: float = Field(ge=0)
    counted_in: Literal["iterations", "steps"] = "iterations"
    i1: int = Field(ge=0)
    i2: int = Field(ge=0)
    finetune: int = Field(ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Schedule:
        if self.minibatch > self.steps:
            raise ValueError(f"minibatch must be at most envs x horizon = {self.steps}")
        if self.i1 > self.i2:
            raise ValueError(f"i1 must be at most i2 = {self.i2}")
        if self.lambda_c > self.lambda_0:
            raise ValueError(f"lambda_c must be at most lambda_0 = {self.lambda_0}")
        if self.iterations == 0:
            raise ValueError("i2 + finetune must be at least 1")
        return self

    @property
    def steps(self) -> int:
        """Environment steps per iteration."""
        return self.envs * self.horizon

    @property
    def units(self) -> int:
        """What an iteration counts for in i1, i2 and finetune."""
        return 1 if self.counted_in == "iterations" else self.steps

    @property
    def taught(self) -> int:
        """Iterations with the teacher: those that begin before i2."""
        return -(-self.i2 // self.units)

    @property
    def iterations(self) -> int:
        """Iterations with and without the teacher."""
        return self.taught + -(-self.finetune // self.units)
