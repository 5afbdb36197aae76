"""The students' networks in torch: the egocentric one, and one over the remembered map as in the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.student import convolutional, egocentric


class EgocentricNetwork(nn.Module):
    """The network of `egocentric` for autograd and GPUs: the same parameters, the same numbers.

    Feeds on tokens (integers [rows, 100]) and counts (integers [rows]); gives logits [rows, 7] and values [rows].
    With several frames, each has vectors of its own; tokens are [rows, frames, 100] then, counts [rows, frames].
    """

    INPUTS = ("tokens", "counts")

    def __init__(self, frames: int = 1) -> None:
        super().__init__()
        self.embedding = nn.Embedding(frames * egocentric.TOKENS, egocentric.WIDTH)
        self.embedding_bias = nn.Parameter(torch.zeros(egocentric.WIDTH))
        self.hidden = nn.Linear(egocentric.WIDTH, egocentric.HIDDEN)
        self.heads = nn.Linear(egocentric.HIDDEN, egocentric.OUTPUTS)

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw the same first parameters as the compiled student does; older frames say nothing at first."""
        state = egocentric.LAYOUT.to_state_dict(egocentric.initial_parameters(rng))
        embedding = np.zeros(tuple(self.embedding.weight.shape), np.float32)
        embedding[: egocentric.TOKENS] = state["embedding.weight"]
        state["embedding.weight"] = embedding
        self.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})

    def forward(self, tokens: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        return policy_and_value(self.heads(self.encoded(tokens, counts)))

    def encoded(self, tokens: Tensor, counts: Tensor) -> Tensor:
        """What the heads see, [rows, HIDDEN]."""
        weight = self.embedding.weight
        tokens = tokens.reshape(len(tokens), -1, egocentric.CELLS)  # [rows, frames, 100]
        present = torch.arange(egocentric.CELLS, device=tokens.device) < counts.reshape(len(tokens), -1, 1)
        # A product with the tokens' indicators is several times faster than looking up 100 vectors a row.
        indicators = weight.new_zeros(len(tokens), tokens.shape[1], egocentric.TOKENS)
        indicators.scatter_add_(2, tokens.long(), present.to(weight.dtype))
        embedded = (indicators.flatten(1) @ weight + self.embedding_bias).relu()
        return self.hidden(embedded).relu()


class MapNetwork(nn.Module):
    """The network of `convolutional` for autograd, GPUs and memories: convolutions over the map, then actor and critic.

    The paper gives the size (24K) and the input (the 10x10 map, four channels of indices), not the layers. Indices are
    names and not amounts, so each channel's values have learned vectors. Feeds on maps uint8 [rows, 10, 10, 4], or
    [rows, frames, 10, 10, 4], whose cells' vectors are then put side by side; gives logits [rows, 7], values [rows].
    """

    INPUTS = ("map",)

    def __init__(self, frames: int = 1) -> None:
        super().__init__()
        self._frames = frames
        self.cells = nn.ParameterList([torch.zeros(values, convolutional.CELL) for values in convolutional.VALUES])
        kernel = convolutional.KERNEL
        self.first = nn.Conv2d(convolutional.CELL * frames, convolutional.FIRST, kernel, padding=1)
        self.second = nn.Conv2d(convolutional.FIRST, convolutional.SECOND, kernel, stride=2, padding=1)
        self.third = nn.Conv2d(convolutional.SECOND, convolutional.THIRD, kernel)
        self.hidden = nn.Linear(convolutional.FLAT, convolutional.HIDDEN)
        self.heads = nn.Linear(convolutional.HIDDEN, egocentric.OUTPUTS)

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw the same first parameters as the compiled student does."""
        state = convolutional.initial_state(rng, self._frames)
        self.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})

    def forward(self, map: Tensor) -> tuple[Tensor, Tensor]:
        return policy_and_value(self.heads(self.encoded(map)))

    def encoded(self, map: Tensor) -> Tensor:
        """What the heads see, [rows, HIDDEN]."""
        # One vector per combination of the channels' values, then one look-up per cell instead of four.
        table = self.cells[0]
        for values in list(self.cells)[1:]:
            table = (table[:, None] + values).flatten(0, 1)  # [combinations, CELL]
        numbers = map[..., 0].int()
        for channel, values in enumerate(convolutional.VALUES[1:], start=1):
            numbers = numbers * values + map[..., channel]
        seen = nn.functional.embedding(numbers.reshape(len(map), -1, *map.shape[-3:-1]), table)
        planes = seen.permute(0, 1, 4, 2, 3).flatten(1, 2)  # [rows, CELL * frames, 10, 10]
        for convolution in (self.first, self.second, self.third):
            planes = convolution(planes).relu()
        return self.hidden(planes.movedim(1, -1).flatten(1)).relu()


class RecurrentNetwork(nn.Module):
    """A long short-term memory (Hochreiter and Schmidhuber 1997) between a network's trunk and its heads."""

    def __init__(self, base: EgocentricNetwork | MapNetwork) -> None:
        super().__init__()
        self.base = base
        self.lstm = nn.LSTMCell(base.heads.in_features, base.heads.in_features)

    def initialise(self, rng: np.random.Generator) -> None:
        """The base's first parameters; orthogonal gates, of which the forget gate starts open (bias 1)."""
        self.base.initialise(rng)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        for weight in (self.lstm.weight_ih, self.lstm.weight_hh):
            for gate in weight.detach().chunk(4):
                nn.init.orthogonal_(gate, generator=generator)
        nn.init.zeros_(self.lstm.bias_ih)
        nn.init.zeros_(self.lstm.bias_hh)
        self.lstm.bias_ih.detach().chunk(4)[1].fill_(1.0)

    def forward(
        self, hidden: Tensor, cell: Tensor, going: Tensor, steps: int = 1, **observed: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits [rows, 7] and values [rows] of so many steps in a row, and the last step's hidden and cell state.

        Rows are steps x environments, step by step. hidden, cell [rows, HIDDEN]: the state before each step, of which
        only the first step's counts; going bool [rows]: False where an episode begins, with an empty state.
        """
        seen = self.base.encoded(**observed)
        environments = len(seen) // steps
        state = (hidden[:environments], cell[:environments])
        shown = []
        for x, goes in zip(seen.split(environments), going.split(environments), strict=True):
            kept = goes[:, None].to(x.dtype)
            state = self.lstm(x, (state[0] * kept, state[1] * kept))
            shown.append(state[0])
        return *policy_and_value(self.base.heads(torch.cat(shown))), *state


def policy_and_value(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """The heads' outputs [rows, 8] as logits [rows, 7] and values [rows]."""
    return outputs[:, : egocentric.ACTIONS], outputs[:, egocentric.ACTIONS]


def make_network(network: Literal["egocentric", "map"], frames: int = 1) -> EgocentricNetwork | MapNetwork:
    """The network that params call so, for so many stacked frames, its parameters not drawn yet."""
    return EgocentricNetwork(frames) if network == "egocentric" else MapNetwork(frames)


def on_device(features: Mapping[str, np.ndarray], device: torch.device) -> dict[str, Tensor]:
    """What `Student.encode` gave as tensors on a device; uint16 goes as int32, since torch can't index with it."""
    wide = {k: v.astype(np.int32) if v.dtype == np.uint16 else v for k, v in features.items()}
    return {name: torch.from_numpy(values).to(device) for name, values in wide.items()}
