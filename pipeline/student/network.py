"""The students' networks in torch: the egocentric one, and one over the remembered map as in the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

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
        outputs = self.scores(tokens, counts)
        return outputs[:, : egocentric.ACTIONS], outputs[:, egocentric.ACTIONS]

    def scores(self, tokens: Tensor, counts: Tensor) -> Tensor:
        """What the last layer gives, [rows, its outputs]."""
        weight = self.embedding.weight
        present = torch.arange(tokens.shape[1], device=tokens.device) < counts[:, None]  # [rows, 100]
        # A product with the tokens' indicators is several times faster than looking up 100 vectors a row.
        indicators = weight.new_zeros(len(tokens), egocentric.TOKENS)
        indicators.scatter_add_(1, tokens.long(), present.to(weight.dtype))
        embedded = (indicators @ weight + self.embedding_bias).relu()
        return self.heads(self.hidden(embedded).relu())


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
        outputs = self.scores(map)
        return outputs[:, : egocentric.ACTIONS], outputs[:, egocentric.ACTIONS]

    def scores(self, map: Tensor) -> Tensor:
        """What the last layer gives, [rows, its outputs]."""
        scale = cast(Tensor, self.scale)
        x = (map.float() / scale).permute(0, 3, 1, 2)  # [rows, 4, 10, 10]
        return self.heads(self.trunk(self.convolutions(x)))


def make_network(network: Literal["egocentric", "map"]) -> EgocentricNetwork | MapNetwork:
    """The network that params call so, its parameters not drawn yet."""
    return EgocentricNetwork() if network == "egocentric" else MapNetwork()


def on_device(features: Mapping[str, np.ndarray], device: torch.device) -> dict[str, Tensor]:
    """What `Student.encode` gave as tensors on a device; uint16 goes as int32, since torch can't index with it."""
    wide = {k: v.astype(np.int32) if v.dtype == np.uint16 else v for k, v in features.items()}
    return {name: torch.from_numpy(values).to(device) for name, values in wide.items()}
