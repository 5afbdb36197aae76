"""Adam's state as plain arrays, by the names of the parameters that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn


def adam_state(model: nn.Module, adam: torch.optim.Adam) -> dict[str, np.ndarray]:
    """Copies of the optimiser's state, `<parameter>/<key>`; empty before the first step."""
    return {
        f"{name}/{key}": value.detach().cpu().numpy().copy()
        for name, parameter in model.named_parameters()
        for key, value in adam.state.get(parameter, {}).items()
    }


def load_adam_state(model: nn.Module, adam: torch.optim.Adam, state: Mapping[str, np.ndarray]) -> None:
    """Replace the optimiser's state."""
    for name, parameter in model.named_parameters():
        found = {key.split("/")[1]: value for key, value in state.items() if key.split("/")[0] == name}
        adam.state[parameter] = {
            key: torch.from_numpy(np.array(value)).to("cpu" if key == "step" else parameter.device)
            for key, value in found.items()
        }
