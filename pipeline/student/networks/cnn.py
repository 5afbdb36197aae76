"""Convolutions over an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from pipeline.student.networks.network import Network

if TYPE_CHECKING:
    from pipeline.student.networks.modules import ImageTrunk

SMALLEST = 4
"""Pixels on a side that the convolutions need at least."""


def is_image(space: spaces.Space) -> bool:
    """Whether an observation is an image: [height, width] or [height, width, channels]."""
    shape = space.shape or ()
    return isinstance(space, spaces.Box) and len(shape) in (2, 3) and min(shape[:2]) >= SMALLEST


class CNN(Network):
    """For one image, of any number of channels, such as colours or a depth."""

    @classmethod
    def misfit(cls, space: spaces.Dict) -> str | None:
        """See `Network.misfit`."""
        return None if len(space) == 1 and all(map(is_image, space.values())) else "anything but a single image"

    def features(self, rows: int) -> dict[str, np.ndarray]:
        """The image as it is."""
        return {name: np.zeros((rows, *(part.shape or ())), part.dtype) for name, part in self.space.items()}

    def trunk(self, frames: int = 1) -> ImageTrunk:
        """Three convolutions and a layer; several frames are channels of one image."""
        from pipeline.student.networks.modules import ImageTrunk

        ((name, image),) = self.space.items()
        assert isinstance(image, spaces.Box)
        return ImageTrunk(name, image.shape, float(np.max(image.high)), frames)
