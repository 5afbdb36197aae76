"""A multilayer perceptron over vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from pipeline.student.networks.network import Network

if TYPE_CHECKING:
    from pipeline.student.networks.modules import VectorTrunk


def is_vector(space: spaces.Space) -> bool:
    """Whether an observation is a row of numbers."""
    return isinstance(space, spaces.Box | spaces.MultiBinary) and len(space.shape or ()) == 1


class MLP(Network):
    """For observations that are vectors, one or several, which are put side by side."""

    @classmethod
    def misfit(cls, space: spaces.Dict) -> str | None:
        """See `Network.misfit`."""
        return None if all(is_vector(part) for part in space.values()) else "anything but vectors"

    def features(self, rows: int) -> dict[str, np.ndarray]:
        """Each vector as float32."""
        return {name: np.zeros((rows, *(part.shape or ())), np.float32) for name, part in self.space.items()}

    def trunk(self, frames: int = 1) -> VectorTrunk:
        """Two layers over all vectors, of all frames."""
        from pipeline.student.networks.modules import VectorTrunk

        return VectorTrunk({name: (part.shape or (0,))[0] for name, part in self.space.items()}, frames)
