"""Training Navigate and Pick: networks that imitate the scripted controllers on states that they reach themselves.

DAgger (Ross et al. 2011): round by round, the networks act (in the first one, the controllers do), the controllers say
what they would have done, and the networks learn from all rounds. Navigate's labels follow ways over the map that the
robot remembers, so what it sees decides them. `python -m pipeline.tasks.habitat.cloning` trains what is shipped, and
says how often experts and networks get there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.habitat import experts
from pipeline.tasks.habitat.batch import NavPickBatch, Scratch
from pipeline.tasks.habitat.homes import DEPTH, WIDTH
from pipeline.tasks.habitat.memory import plan, true_map
from pipeline.tasks.habitat.options import (
    NAVIGATE_INPUTS,
    OUTPUTS,
    PICK_INPUTS,
    PICKABLE,
    SHIPPED,
    layers,
    navigate_inputs,
    pick_inputs,
    run_network,
)
from pipeline.tasks.habitat.robot import place_arm
from pipeline.tasks.habitat.task import NavPickTask
from pipeline.tasks.habitat.world import ACTIONS, GRIPPING, STOP, at
from pipeline.tasks.splits import Split

Acting = Literal["expert", "networks"]
HIDDEN = 64


class Lessons(NamedTuple):
    """One step's questions and answers in every world.

    ways      int32[worlds, WIDTH, DEPTH]: over the true floor
    picking   bool[worlds]: Pick acts, not Navigate
    navigate, pick  float32[worlds, inputs]: what either network sees
    wanted    float64[worlds, 11]: what a controller does that knows what the robot knows
    known     float64[worlds, 11]: what one does that knows the home
    """

    ways: np.ndarray
    picking: np.ndarray
    navigate: np.ndarray
    pick: np.ndarray
    wanted: np.ndarray
    known: np.ndarray

    @classmethod
    def empty(cls, worlds: int) -> Lessons:
        """For so many worlds."""
        return cls(
            np.zeros((worlds, WIDTH, DEPTH), np.int32),
            np.zeros(worlds, np.bool_),
            np.zeros((worlds, NAVIGATE_INPUTS), np.float32),
            np.zeros((worlds, PICK_INPUTS), np.float32),
            np.zeros((worlds, ACTIONS)),
            np.zeros((worlds, ACTIONS)),
        )


@compiled
def ask(worlds, scratch, lessons):
    """Fill lessons from the present states."""
    for i in range(len(worlds)):
        w = worlds[i]
        target = w.objects[w.target]
        if w.steps == 0:
            cells = np.empty((WIDTH, DEPTH), np.uint8)
            true_map(w, cells)
            plan(cells, target[0], target[1], True, lessons.ways[i])
            lessons.picking[i] = False
        place_arm(w.joints, scratch.points, scratch.frames)
        near = np.hypot(target[0] - w.pose[0], target[1] - w.pose[1]) < PICKABLE
        lessons.picking[i] = (lessons.picking[i] and near) or at(w, target[0], target[1])
        if w.held == w.target:
            lessons.wanted[i] = 0
            lessons.wanted[i, GRIPPING], lessons.wanted[i, STOP] = 1, 1
            lessons.known[i] = lessons.wanted[i]
        elif lessons.picking[i]:
            pick_inputs(w, target, scratch.points, lessons.pick[i])
            experts.pick(w, target, scratch.points, scratch.frames, lessons.wanted[i])
            lessons.known[i] = lessons.wanted[i]
        else:
            navigate_inputs(w, w.ways, target[0], target[1], lessons.navigate[i])
            experts.navigate(w, w.ways, target[0], target[1], lessons.wanted[i])
            experts.navigate(w, lessons.ways[i], target[0], target[1], lessons.known[i])


@compiled
def answer(worlds, lessons, nets, actions):
    """What the networks do in the present states; actions float32[worlds, 11]."""
    for i in range(len(worlds)):
        w = worlds[i]
        if w.held == w.target:
            actions[i] = 0
            actions[i, GRIPPING], actions[i, STOP] = 1, 1
        elif lessons.picking[i]:
            run_network(nets[1], lessons.pick[i], actions[i])
        else:
            run_network(nets[0], lessons.navigate[i], actions[i])


def success_rates(acting: Acting, episodes: int, split: Split, seed: int = 0) -> dict[str, float]:
    """How often experts that know the home, or the shipped networks, succeed, and the two options' own parts in it.

    success   stopping with the target in the grip within the horizon
    navigate  coming to where the target is in reach
    pick      of those that came there, taking it
    length    mean steps of the successes
    """
    batch = _batch(episodes, seed, split)
    lessons, scratch, nets = Lessons.empty(episodes), Scratch.empty(1), batch.nets
    actions = np.zeros((episodes, ACTIONS), np.float32)
    running, came, won, lengths = (np.full(episodes, value) for value in (True, False, False, 0))
    for _ in range(NavPickTask.horizon):
        ask(batch.worlds, scratch, lessons)
        came |= running & lessons.picking
        answer(batch.worlds, lessons, nets, actions)
        finished = batch.step(lessons.known if acting == "expert" else actions)
        won |= running & finished.success
        lengths[running & finished.done] = finished.episode_length[running & finished.done]
        running &= ~finished.done
        if not running.any():
            break
    return {
        "success": float(won.mean()),
        "navigate": float(came.mean()),
        "pick": float(won.sum() / max(1, came.sum())),
        "length": float(lengths[won].mean()) if won.any() else np.nan,
    }


def _batch(size: int, seed: int, split: Split) -> NavPickBatch:
    batch = NavPickTask().make_batch(size, seed, None, split)
    assert isinstance(batch, NavPickBatch)
    return batch


def clone(
    rounds: int = 4, environments: int = 48, steps: int = 320, passes: int = 6, seed: int = 0
) -> dict[str, np.ndarray]:
    """Train both networks; tensors by name, as `load_options` reads them."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    sizes = {"navigate": NAVIGATE_INPUTS, "pick": PICK_INPUTS}
    models = {name: _net(size) for name, size in sizes.items()}
    adams = {name: torch.optim.Adam(model.parameters(), 1e-3) for name, model in models.items()}
    kept: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in models}
    batch, rng = _batch(environments, seed, "train"), np.random.default_rng(seed)
    lessons, scratch = Lessons.empty(environments), Scratch.empty(1)
    actions = np.zeros((environments, ACTIONS), np.float32)
    for number in range(rounds):
        tensors = _tensors(models)
        nets = layers(tensors, "navigate"), layers(tensors, "pick")
        for _ in range(steps):
            ask(batch.worlds, scratch, lessons)
            for name, rows in (("navigate", ~lessons.picking), ("pick", lessons.picking)):
                rows = rows & (lessons.wanted[:, STOP] < 0)
                kept[name].append((getattr(lessons, name)[rows].copy(), lessons.wanted[rows, :OUTPUTS].copy()))
            answer(batch.worlds, lessons, nets, actions)
            taken = lessons.wanted if number == 0 else actions
            batch.step(taken + rng.normal(0, 0.2, taken.shape) * (np.arange(ACTIONS) != STOP))
        for name, model in models.items():
            seen, wanted = (
                torch.from_numpy(np.concatenate(part).astype(np.float32)) for part in zip(*kept[name], strict=True)
            )
            for _ in range(passes * (2 if number == rounds - 1 else 1)):
                for rows in torch.from_numpy(rng.permutation(len(seen))).split(256):
                    loss = (model(seen[rows]) - wanted[rows]).square().mean()
                    adams[name].zero_grad()
                    loss.backward()
                    adams[name].step()
            print(f"round {number}: {name} learned from {len(seen):,} frames, squared error {loss.item():.4f}")
    return _tensors(models)


def _net(inputs: int) -> Any:
    """The network in torch; its layers are named as in the file."""
    from torch import nn

    parts = [("first", nn.Linear(inputs, HIDDEN)), ("one", nn.Tanh()), ("second", nn.Linear(HIDDEN, HIDDEN))]
    return nn.Sequential(OrderedDict([*parts, ("two", nn.Tanh()), ("last", nn.Linear(HIDDEN, OUTPUTS))]))


def _tensors(models: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """All models' parameters as arrays."""
    return {
        f"{name}.{key}": value.detach().numpy().copy()
        for name, model in models.items()
        for key, value in model.state_dict().items()
    }


def main(path: Path = SHIPPED) -> None:
    """Train and write what is shipped."""
    from safetensors.numpy import save_file

    save_file(clone(), path)
    kinds: tuple[Acting, ...] = ("expert", "networks")
    for acting in kinds:
        rates = success_rates(acting, 200, "test")
        print(f"{acting}, 200 unseen homes:", ", ".join(f"{name} {value:.3g}" for name, value in rates.items()))


if __name__ == "__main__":
    main()
