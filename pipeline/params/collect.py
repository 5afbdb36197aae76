"""The section `collect`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.params.section import Distinct, Section


class Collect(Section):
    """The `collect` stage: which states the teacher will be asked about.

    behaviours   `random`: uniform actions; `options`: in each step, one option drawn from those that can act there;
                 `committed`: an option is drawn, and followed until it ends or the description changes
    steps        environment steps per behaviour, split over `envs` environments
    envs         environments that advance together
    seed         of the layouts and the behaviours
    """

    behaviours: Distinct[Literal["random", "options", "committed"]]
    steps: int = Field(ge=1)
    envs: int = Field(ge=1, le=65536)
    seed: int = Field(ge=0, lt=2**31)
