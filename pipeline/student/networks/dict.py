"""Several observations at once: each through a trunk of its own, and a layer over what they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from pipeline.student.networks.cnn import CNN
from pipeline.student.networks.map import Map
from pipeline.student.networks.mlp import MLP
from pipeline.student.networks.network import Network

if TYPE_CHECKING:
    from pipeline.student.networks.modules import JoinedTrunk

PARTS: tuple[type[Network], ...] = (MLP, Map, CNN)
"""What a single observation is looked at with: the first that fits."""


def _part(name: str, space: spaces.Space) -> Network | None:
    """The network for one observation; None if there is none."""
    alone = spaces.Dict({name: space})
    return next((kind(alone) for kind in PARTS if kind.misfit(alone) is None), None)


class Dict(Network):
    """For any number of vectors, images and maps of cells."""

    @classmethod
    def misfit(cls, space: spaces.Dict) -> str | None:
        """See `Network.misfit`."""
        strange = [name for name, part in space.items() if _part(name, part) is None]
        return f"what {', '.join(strange)} shows: no vector, image or map of cells" if strange else None

    def __init__(self, space: spaces.Dict) -> None:
        super().__init__(space)
        parts = {name: _part(name, part) for name, part in space.items()}
        self._parts: dict[str, Network] = {name: part for name, part in parts.items() if part is not None}

    def features(self, rows: int) -> dict[str, np.ndarray]:
        """Those of the parts."""
        return {name: kept for part in self._parts.values() for name, kept in part.features(rows).items()}

    def encode(self, observation: Mapping[str, np.ndarray], features: Mapping[str, np.ndarray]) -> None:
        """Each part's observation by the part."""
        for name, part in self._parts.items():
            part.encode(observation, {name: features[name]})

    def trunk(self, frames: int = 1) -> JoinedTrunk:
        """The parts' trunks side by side, and a layer over them."""
        from pipeline.student.networks.modules import JoinedTrunk

        return JoinedTrunk({name: part.trunk(frames) for name, part in self._parts.items()})

    def trunk_state(self, rng: np.random.Generator, frames: int = 1) -> dict[str, np.ndarray]:
        """The parts' own first parameters, and an orthogonal layer."""
        state = super().trunk_state(rng, frames)
        for name, part in self._parts.items():
            state |= {f"parts.{name}.{key}": value for key, value in part.trunk_state(rng, frames).items()}
        return state
