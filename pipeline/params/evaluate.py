"""The section `evaluate`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.params.section import Distinct, Section

Acting = Literal["sampled", "argmax"]


class Evaluate(Section):
    """The `evaluate` stage.

    episodes   test layouts, all different and none met in training, one episode each
    acting     `sampled` from the policy (the paper's way) or its `argmax`
    seed       of the sampled actions
    """

    episodes: int = Field(ge=1, le=100000)
    acting: Distinct[Acting]
    seed: int = Field(ge=0, lt=2**31)
