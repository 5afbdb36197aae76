"""The section `train`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from pipeline.params.section import Section
from pipeline.registry import NETWORKS

AUTO = "auto"
"""The first network that fits the task."""


class Train(Section):
    """The `train` and `finetune` stages.

    schedule     which of `schedules` to follow
    network      `egocentric`: seen cells in the agent's frame; `map`: convolutions over the map, as the paper has it;
                 `mlp`: over vectors; `cnn`: over an image; `dict`: over several of these; `auto`: the first that fits
    update       `fused`: this project's compiled update, where it fits; `torch`: autograd; `auto`: the faster one
    device       `cpu`, `cuda` or `cuda:N` (torch update only)
    memory       of an episode's earlier steps (torch update only): `lstm`, or `stack`: the last `frames` observations
    warm_start   gradient steps on the collected states with the cached labels, before the first rollout
    checkpoint_s seconds between checkpoints
    """

    schedule: str
    network: str = "auto"
    update: Literal["auto", "fused", "torch"] = "auto"
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    memory: Literal["none", "lstm", "stack"] = "none"
    frames: int = Field(default=4, ge=2, le=64)
    warm_start: int = Field(default=0, ge=0)
    checkpoint_s: float = Field(default=20.0, gt=0)

    @field_validator("network")
    @classmethod
    def _known_network(cls, network: str) -> str:
        if network != AUTO and network not in NETWORKS:
            raise ValueError(f"unknown network {network!r}; allowed: {AUTO}, {NETWORKS.allowed()}")
        return network
