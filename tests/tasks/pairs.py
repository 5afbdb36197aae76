"""A task of two agents on a line with continuous actions, so simple that all of it can be worked out by hand."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace

import numpy as np
from gymnasium import spaces

from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan, PlanShare, SoftInstruction
from pipeline.tasks.base import OptionStep
from pipeline.tasks.reference_batch import ReferenceTask
from pipeline.tasks.spaces import Space


class Pairs(ReferenceTask):
    """Agent a starts at seed % 5, agent b at 10 times that; each moves by its action, and earns it.

    An episode ends with success when both are above 20, and is cut off after four steps. Agent b alone knows `success`.
    """

    name, suite, horizon, agents = "Pairs", "tests", 4, 2
    space = Space("continuous", 1, ("move",), -10.0, 10.0)
    idle = np.zeros(1)
    grammar = Grammar((OptionSpec("rise"), OptionSpec("wait"), OptionSpec("rest")), ())
    pause_s = 0.0
    """Seconds that a step takes."""
    fault = ""
    """`alone`: one agent ends alone at the third step; `raise`, `die`: the environment does, there."""

    def make_env(self, render_mode=None):  # noqa: ARG002
        env = SimpleNamespace(
            possible_agents=["a", "b"],
            observation_space=lambda _: spaces.Box(-100, 100, (2,), np.float32),
            steps=0,
            at={},
        )

        def seen():
            return {agent: np.array([env.at[agent], env.steps], np.float32) for agent in "ab"}

        def reset(seed, options=None):  # noqa: ARG001
            env.steps, env.at = 0, {"a": seed % 5, "b": seed % 5 * 10}
            return seen(), {"a": {}, "b": {}}

        def step(actions):
            time.sleep(self.pause_s)
            env.steps += 1
            for agent, action in actions.items():
                assert action.dtype == np.float32
                env.at[agent] += float(action[0])
            if env.steps == 3:
                if self.fault == "raise":
                    raise ZeroDivisionError("the line has broken")
                if self.fault == "die":
                    os.kill(os.getpid(), signal.SIGKILL)
            won = min(env.at.values()) > 20
            late = env.steps >= self.horizon
            alone = self.fault == "alone" and env.steps == 3
            return (
                seen(),
                {agent: float(action[0]) for agent, action in actions.items()},
                {"a": won or alone, "b": won},
                {"a": late, "b": late},
                {"a": {}, "b": {"success": won}},
            )

        env.reset, env.step = reset, step
        return env

    def describe(self, observation):
        return Description((f"{int(observation[0]) // 5} fives",))

    def follow(self, option, observation):
        if option.name == "rest":
            return OptionStep(None, observation[0] > 20)  # can't go on, or has terminated
        return OptionStep([2.0] if option.name == "rise" else [0.0], False, 0.5 if option.name == "rise" else None)

    def layout_code(self, seed):
        return seed


RISE, WAIT, REST = (Option(name) for name in ("rise", "wait", "rest"))


def labels(*fives):
    """Half of the answers rise, a quarter rests and then waits, and a quarter is of no use."""
    shares = (PlanShare(Plan((RISE,)), 0.5, "rise"), PlanShare(Plan((REST, WAIT)), 0.25, "rest, wait"))
    described = [Description((f"{five} fives",)) for five in fives]
    return {d.state_id: SoftInstruction(d, shares, 0.25) for d in described}
