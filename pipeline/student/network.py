"""The students' networks in torch: the egocentric one, and one over the remembered map as in the paper."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.student import egocentric


class EgocentricNetwork(nn.Module):
    """The network of `egocentric` for autograd and GPUs: the same parameters, the same numbers.

    Feeds on tokens (integers [rows, 100]) and counts (integers [rows]); gives logits [rows, 7] and values [rows].
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(egocentric.TOKENS, egocentric.WIDTH)
        self.embedding_bias = nn.Parameter(torch.zeros(egocentric.WIDTH))
        self.hidden = nn.Linear(egocentric.WIDTH, egocentric.HIDDEN)
        self.heads = nn.Linear(egocentric.HIDDEN, egocentric.OUTPUTS)

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw the same first parameters as the compiled student does."""
        state = egocentric.to_state_dict(egocentric.initial_parameters(rng))
        self.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})

    def forward(self, tokens: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        present = torch.arange(tokens.shape[1], device=tokens.device) < counts[:, None]  # [rows, 100]
        vectors = self.embedding(tokens.long()) * present[..., None]  # [rows, 100, WIDTH]
        embedded = (vectors.sum(1) + self.embedding_bias).relu()
        outputs = self.heads(self.hidden(embedded).relu())
        return outputs[:, : egocentric.ACTIONS], outputs[:, egocentric.ACTIONS]


class MapNetwork(nn.Module):
    """Convolutions over the remembered map, then actor and critic: the shape of the paper's student, 24K parameters.

    The paper gives the size (24K) and the input (the 10x10 map, four channels), not the layers: these are three 3x3
    convolutions, the last two with stride 2, and two small heads. Feeds on maps uint8 [rows, 10, 10, 4].
    """

    CHANNELS = (16, 24, 24)
    HIDDEN = 64
    SCALE = (10.0, 5.0, 2.0, 4.0)
    """Largest value of each channel, to bring inputs into [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = self.CHANNELS
        self.convolutions = nn.Sequential(
            nn.Conv2d(4, first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        flat = third * 9  # 10 -> 5 -> 3 cells on each side
        self.trunk = nn.Sequential(nn.Linear(flat, self.HIDDEN), nn.ReLU())
        self.heads = nn.Linear(self.HIDDEN, egocentric.OUTPUTS)
        self.register_buffer("scale", torch.tensor(self.SCALE), persistent=False)

    def initialise(self, rng: np.random.Generator) -> None:
        """Orthogonal layers and a nearly uniform first policy, drawn from a generator."""
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.orthogonal_(module.weight, 2**0.5, generator=generator)
                nn.init.zeros_(cast(Tensor, module.bias))
        with torch.no_grad():
            self.heads.weight[: egocentric.ACTIONS] *= 0.01

    def forward(self, map: Tensor) -> tuple[Tensor, Tensor]:
        scale = cast(Tensor, self.scale)
        x = (map.float() / scale).permute(0, 3, 1, 2)  # [rows, 4, 10, 10]
        outputs = self.heads(self.trunk(self.convolutions(x)))
        return outputs[:, : egocentric.ACTIONS], outputs[:, egocentric.ACTIONS]
