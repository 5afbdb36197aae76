"""The students' networks in torch: a trunk over what is seen, heads for policy and value, and a memory between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.student.networks import egocentric
from pipeline.student.networks.map import CELL, FIRST, HIDDEN, KERNEL, SECOND, THIRD, VALUES, last_side


class Trunk(nn.Module):
    """Layers from features (tensors [rows, ...] by name) to float32[rows, width].

    inputs  the names of the features that it feeds on
    """

    width: int
    inputs: tuple[str, ...]


class EgocentricTrunk(Trunk):
    """See `networks.egocentric` and `relational`; feeds on tokens [rows(, frames), n] and counts [rows(, frames)]."""

    inputs = ("tokens", "counts")
    width = egocentric.HIDDEN

    def __init__(self, frames: int, tokens: int = egocentric.TOKENS, width: int = egocentric.WIDTH) -> None:
        super().__init__()
        self.embedding = nn.Embedding(frames * tokens, width)
        self.embedding_bias = nn.Parameter(torch.zeros(width))
        self.hidden = nn.Linear(width, egocentric.HIDDEN)
        self._frames, self._tokens = frames, tokens

    def forward(self, tokens: Tensor, counts: Tensor) -> Tensor:
        weight = self.embedding.weight
        tokens = tokens.reshape(len(tokens), self._frames, -1)
        present = torch.arange(tokens.shape[-1], device=tokens.device) < counts.reshape(len(tokens), -1, 1)
        # A product with the tokens' indicators is several times faster than looking up 100 vectors a row.
        indicators = weight.new_zeros(len(tokens), self._frames, self._tokens)
        indicators.scatter_add_(2, tokens.long(), present.to(weight.dtype))
        embedded = (indicators.flatten(1) @ weight + self.embedding_bias).relu()
        return self.hidden(embedded).relu()


class MapTrunk(Trunk):
    """See `networks.map`; feeds on maps uint8 [rows(, frames), width, height, 4]."""

    width = HIDDEN

    def __init__(self, name: str, size: tuple[int, ...], frames: int) -> None:
        super().__init__()
        self.inputs = (name,)
        self.cells = nn.ParameterList([torch.zeros(values, CELL) for values in VALUES])
        self.first = nn.Conv2d(CELL * frames, FIRST, KERNEL, padding=1)
        self.second = nn.Conv2d(FIRST, SECOND, KERNEL, stride=2, padding=1)
        self.third = nn.Conv2d(SECOND, THIRD, KERNEL)
        self.hidden = nn.Linear(last_side(size[0]) * last_side(size[1]) * THIRD, HIDDEN)

    def forward(self, **observed: Tensor) -> Tensor:
        maps = observed[self.inputs[0]]
        # One vector per combination of the channels' values, then one look-up per cell instead of four.
        table = self.cells[0]
        for values in list(self.cells)[1:]:
            table = (table[:, None] + values).flatten(0, 1)  # [combinations, CELL]
        numbers = maps[..., 0].int()
        for channel, values in enumerate(VALUES[1:], start=1):
            numbers = numbers * values + maps[..., channel]
        seen = nn.functional.embedding(numbers.reshape(len(maps), -1, *maps.shape[-3:-1]), table)
        planes = seen.permute(0, 1, 4, 2, 3).flatten(1, 2)  # [rows, CELL * frames, width, height]
        for convolution in (self.first, self.second, self.third):
            planes = convolution(planes).relu()
        return self.hidden(planes.movedim(1, -1).flatten(1)).relu()


class VectorTrunk(Trunk):
    """Two layers over vectors put side by side; feeds on float32 [rows(, frames), size] each."""

    width = 64

    def __init__(self, sizes: Mapping[str, int], frames: int) -> None:
        super().__init__()
        self.inputs = tuple(sizes)
        self.first = nn.Linear(frames * sum(sizes.values()), self.width)
        self.second = nn.Linear(self.width, self.width)

    def forward(self, **observed: Tensor) -> Tensor:
        seen = torch.cat([observed[name].float().flatten(1) for name in self.inputs], -1)
        return self.second(self.first(seen).tanh()).tanh()


class ImageTrunk(Trunk):
    """Three convolutions and a layer over an image [rows(, frames), height, width(, channels)].

    highest  the brightest value, which counts as 1
    """

    width = 128

    def __init__(self, name: str, shape: tuple[int, ...], highest: float, frames: int) -> None:
        super().__init__()
        self.inputs = (name,)
        self._flat, self._scale = len(shape) == 2, 1 / highest if np.isfinite(highest) and highest > 0 else 1.0
        channels = frames * (1 if self._flat else shape[2])
        sizes = (channels, 16, 32, 32)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(sizes))
        side = [-(-length // 8) for length in shape[:2]]  # each convolution halves it, rounding up
        self.hidden = nn.Linear(sizes[-1] * side[0] * side[1], self.width)

    def forward(self, **observed: Tensor) -> Tensor:
        image = observed[self.inputs[0]].float() * self._scale
        image = image.unsqueeze(-1) if self._flat else image
        image = image.reshape(len(image), -1, *image.shape[-3:])  # [rows, frames, height, width, channels]
        planes = image.permute(0, 1, 4, 2, 3).flatten(1, 2)
        for convolution in self.convolutions:
            planes = convolution(planes).relu()
        return self.hidden(planes.flatten(1)).relu()


class JoinedTrunk(Trunk):
    """Several trunks side by side, and a layer over what they give."""

    width = 128

    def __init__(self, parts: Mapping[str, Trunk]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.inputs = tuple(name for part in parts.values() for name in part.inputs)
        self.joined = nn.Linear(sum(part.width for part in parts.values()), self.width)

    def forward(self, **observed: Tensor) -> Tensor:
        seen = [part(**{name: observed[name] for name in part.inputs}) for part in self.parts.values()]  # type: ignore[union-attr]
        return self.joined(torch.cat(seen, -1)).relu()


class ActorCritic(nn.Module):
    """Heads over a trunk: the policy's outputs [rows, outputs] and values [rows].

    critic  a trunk of the value's own, over what only the critic sees; None: the value is a head like the others
    """

    def __init__(self, trunk: Trunk, outputs: int, critic: Trunk | None = None) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.Linear(trunk.width, outputs + 1)
        self.critic = critic
        if critic is not None:
            self.value = nn.Linear(critic.width, 1)

    def forward(self, **observed: Tensor) -> tuple[Tensor, ...]:
        return self.judged(self.trunk(**{name: observed[name] for name in self.trunk.inputs}), observed)

    def judged(self, seen: Tensor, observed: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The policy's outputs and the values from what the trunk gives, [rows, width]."""
        outputs = self.heads(seen)
        if self.critic is None:
            return outputs[:, :-1], outputs[:, -1]
        state = self.critic(**{name: observed[name] for name in self.critic.inputs})
        return outputs[:, :-1], self.value(state).squeeze(-1)

    def draw(self, first: Mapping[str, np.ndarray], rng: np.random.Generator) -> None:
        """Take first parameters for trunk and heads, and draw those of the critic."""
        from pipeline.student.networks.initial import orthogonal_state

        rest = {k: tuple(v.shape) for k, v in self.state_dict().items() if k not in first}
        state = {**first, **orthogonal_state(rest, rng)}
        self.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})


class RecurrentActorCritic(ActorCritic):
    """A long short-term memory (Hochreiter and Schmidhuber 1997) between the trunk and the heads."""

    def __init__(self, trunk: Trunk, outputs: int, critic: Trunk | None = None) -> None:
        super().__init__(trunk, outputs, critic)
        self.lstm = nn.LSTMCell(trunk.width, trunk.width)

    def draw(self, first: Mapping[str, np.ndarray], rng: np.random.Generator) -> None:
        """Also orthogonal gates, of which the forget gate starts open (bias 1)."""
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        for weight in (self.lstm.weight_ih, self.lstm.weight_hh):
            for gate in weight.detach().chunk(4):
                nn.init.orthogonal_(gate, generator=generator)
        nn.init.zeros_(self.lstm.bias_ih)
        nn.init.zeros_(self.lstm.bias_hh)
        self.lstm.bias_ih.detach().chunk(4)[1].fill_(1.0)
        gates = {f"lstm.{name}": value.numpy().copy() for name, value in self.lstm.state_dict().items()}
        super().draw({**first, **gates}, rng)

    def forward(  # type: ignore[override]
        self, hidden: Tensor, cell: Tensor, going: Tensor, steps: int = 1, **observed: Tensor
    ) -> tuple[Tensor, ...]:
        """Also the last step's hidden and cell state, after so many steps in a row.

        Rows are steps x environments, step by step. hidden, cell [rows, width]: the state before each step, of which
        only the first step's counts; going bool [rows]: False where an episode begins, with an empty state.
        """
        seen = self.trunk(**{name: observed[name] for name in self.trunk.inputs})
        environments = len(seen) // steps
        state = (hidden[:environments], cell[:environments])
        shown = []
        for x, goes in zip(seen.split(environments), going.split(environments), strict=True):
            kept = goes[:, None].to(x.dtype)
            state = self.lstm(x, (state[0] * kept, state[1] * kept))
            shown.append(state[0])
        return *self.judged(torch.cat(shown), observed), *state


def on_device(
    features: Mapping[str, np.ndarray], device: torch.device, names: Iterable[str] | None = None
) -> dict[str, Tensor]:
    """What `Student.encode` gave as tensors on a device; uint16 goes as int32, since torch can't index with it.

    names  of those wanted; None: all
    """
    wanted = features if names is None else {name: features[name] for name in names}
    wide = {k: v.astype(np.int32) if v.dtype == np.uint16 else v for k, v in wanted.items()}
    return {name: torch.from_numpy(values).to(device) for name, values in wide.items()}
