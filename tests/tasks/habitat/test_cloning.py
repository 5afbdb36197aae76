"""How often the shipped options get there in homes that they were not trained in, and what trains them."""

from __future__ import annotations

import numpy as np

from pipeline.tasks.habitat.cloning import clone, success_rates
from pipeline.tasks.habitat.options import load_options


def test_the_shipped_networks_reach_and_pick_in_unseen_homes():
    rates = success_rates("networks", 40, "test")
    assert rates["navigate"] >= 0.85
    assert rates["pick"] >= 0.97
    assert rates["length"] < 233


def test_the_scripted_controllers_that_know_the_home_succeed():
    rates = success_rates("expert", 40, "test")
    assert rates["success"] >= 0.9
    assert rates["pick"] == 1


def test_training_makes_the_networks_that_are_read():
    tensors = clone(rounds=1, environments=2, steps=140, passes=1)
    shipped = load_options()
    names = [f"{name}.{layer}.weight" for name in ("navigate", "pick") for layer in ("first", "second", "last")]
    assert {name: tensors[name].shape for name in names} == {
        name: part.shape for name, part in zip(names, [net[k] for net in shipped for k in (0, 2, 4)], strict=True)
    }
    assert all(np.isfinite(value).all() for value in tensors.values())
