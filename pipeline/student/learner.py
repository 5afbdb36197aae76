"""The learning loop (paper Algorithm 1): roll out the student, compare with the teacher, update, anneal.

An iteration reads top to bottom in `Learner.iterate`. Everything that decides the future is in `Learner.state`, so a
learner that is stopped and loaded goes on bit for bit as if it had not been.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.instructions import SoftInstruction
from pipeline.params import Schedule
from pipeline.student.advantages import gae
from pipeline.student.annealing import linear, teacher_weight
from pipeline.student.student import Rollout, Student, UpdateSettings
from pipeline.tasks.base import Task


@dataclass(frozen=True)
class Phase:
    """A stretch of a schedule's iterations: `train` with the teacher, `finetune` without."""

    name: str
    first: int
    last: int

    @classmethod
    def of(cls, name: str, schedule: Schedule) -> Phase:
        """The named phase; its iterations are first..last-1."""
        return cls(name, 0, schedule.i2) if name == "train" else cls(name, schedule.i2, schedule.iterations)


class Learner:
    """One student that learns one task.

    task          what is learned
    schedule      PPO's settings and the annealing
    phase         which iterations; without the teacher, `instructions` are not needed
    make_student  makes the student from a random generator
    instructions  the label table by state_id, or None
    seed          of layouts, sampled actions, initial weights and minibatches
    """

    def __init__(
        self,
        task: Task,
        schedule: Schedule,
        phase: Phase,
        make_student: Callable[[np.random.Generator], Student],
        instructions: Mapping[str, SoftInstruction] | None,
        seed: int,
    ) -> None:
        self.task = task
        self.schedule = schedule
        self.phase = phase
        self.iteration = phase.first
        self.seconds = 0.0
        self.unlabelled: Counter[int] = Counter()
        self._rng = np.random.default_rng([seed, phase.first])
        self.student = make_student(np.random.default_rng([seed, 0]))
        self.batch = task.make_batch(schedule.envs, int(self._rng.integers(2**31)), instructions, "train")
        self._buffers = _Buffers(
            schedule, self.batch.rows, task.space.size, self.student.encode(self.batch.observation)
        )

    @property
    def done(self) -> bool:
        """Whether the phase has no iteration left."""
        return self.iteration >= self.phase.last

    def iterate(self) -> dict[str, float]:
        """One iteration; returns its row of the training curve (see `CURVE_COLUMNS`)."""
        started = time.perf_counter()
        schedule, i = self.schedule, self.iteration
        episodes, misses = self._roll_out()
        b = self._buffers
        last_values = self.student.act(self.student.encode(self.batch.observation), None)[2]
        gae(b.rewards, b.dones, b.values, last_values, schedule.gamma, schedule.gae, b.advantages)
        orders = np.stack([self._rng.permutation(b.rewards.size) for _ in range(schedule.epochs)])
        weight = teacher_weight(schedule, i)
        settings = UpdateSettings(
            minibatch=schedule.minibatch,
            learning_rate=linear(schedule.lr, schedule.lr_end, i, schedule.iterations),
            clip=schedule.clip,
            grad_norm=schedule.grad_norm,
            value=schedule.value,
            entropy=linear(schedule.entropy, schedule.entropy_end, i, schedule.iterations),
            teacher=weight,
        )
        losses = self.student.update(b.rollout(), orders, settings)
        self.iteration += 1
        self.seconds += time.perf_counter() - started
        return {
            "iteration": i,
            "env_steps": self.iteration * b.rewards.size,
            "seconds": self.seconds,
            **episodes,
            "teacher_weight": weight,
            "learning_rate": settings.learning_rate,
            **losses,
            "label_miss_rate": misses,
        }

    def _roll_out(self) -> tuple[dict[str, float], float]:
        """Fill the buffers with `horizon` steps; returns the means over ended episodes, and the label miss rate."""
        b, batch, student = self._buffers, self.batch, self.student
        ended = np.zeros(4)  # episodes, successes, returns, lengths
        unlabelled = 0
        uniforms = self._rng.random((self.schedule.horizon, batch.rows), dtype=np.float32)
        teaching = teacher_weight(self.schedule, self.iteration) > 0
        for t in range(self.schedule.horizon):
            features = student.encode(batch.observation)
            for name, values in features.items():
                b.features[name][t] = values
            b.teacher[t] = batch.teacher
            b.labelled[t] = batch.labelled
            if teaching and not batch.labelled.all():
                missed = batch.description[~batch.labelled]
                unlabelled += len(missed)
                self.unlabelled.update(missed.tolist())
            actions, b.log_probs[t], b.values[t] = student.act(features, uniforms[t])
            b.actions[t] = actions
            finished = batch.step(actions)
            b.rewards[t] = finished.reward
            done = finished.done
            b.dones[t] = done
            if done.any():
                ended += (
                    done.sum(),
                    finished.success[done].sum(),
                    finished.episode_return[done].sum(),
                    finished.episode_length[done].sum(),
                )
        means = ended[1:] / ended[0] if ended[0] else np.full(3, np.nan)
        names = ("success", "episode_return", "episode_length")
        return dict(zip(names, means.tolist(), strict=True)), unlabelled / b.rewards.size

    def state(self) -> dict[str, np.ndarray]:
        """Everything that decides the future, as arrays; see `checkpoint` for the file."""
        generator = self._rng.bit_generator.state
        words = [generator["state"]["state"], generator["state"]["inc"]]
        rng = [word >> shift & 0xFFFFFFFFFFFFFFFF for word in words for shift in (0, 64)]
        return {
            **{f"student.{name}": value for name, value in self.student.weights().items()},
            **{f"optimiser.{name}": value for name, value in self.student.optimiser().items()},
            **{f"batch.{name}": value for name, value in self.batch.state().items()},
            "rng": np.array([*rng, generator["has_uint32"], generator["uinteger"]], np.uint64),
            "iteration": np.array([self.iteration]),
            "seconds": np.array([self.seconds]),
            "unlabelled": np.array(sorted(self.unlabelled.items()), np.int64).reshape(-1, 2),
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `state` was taken."""

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

        self.student.load_weights(part("student."))
        self.student.load_optimiser(part("optimiser."))
        self.batch.load_state(part("batch."))
        low, high, inc_low, inc_high, has_uint32, uinteger = (int(word) for word in state["rng"])
        self._rng.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }
        self.iteration = int(state["iteration"][0])
        self.seconds = float(state["seconds"][0])
        self.unlabelled = Counter({int(number): int(count) for number, count in state["unlabelled"]})


CURVE_COLUMNS = (
    "phase", "iteration", "env_steps", "seconds", "success", "episode_return", "episode_length", "teacher_weight",
    "learning_rate", "policy_loss", "value_loss", "teacher_loss", "entropy", "label_miss_rate",
)  # fmt: skip
"""One row per iteration; the means over episodes are not a number where none ended."""


class _Buffers:
    """The arrays of one iteration, [horizon, rows, ...], allocated once."""

    def __init__(self, schedule: Schedule, rows: int, actions: int, features: Mapping[str, np.ndarray]) -> None:
        shape = (schedule.horizon, rows)
        self.features = {name: np.zeros((*shape, *values.shape[1:]), values.dtype) for name, values in features.items()}
        self.actions = np.zeros(shape, np.int64)
        self.log_probs = np.zeros(shape, np.float32)
        self.values = np.zeros(shape, np.float32)
        self.rewards = np.zeros(shape, np.float32)
        self.dones = np.zeros(shape, np.bool_)
        self.advantages = np.zeros(shape, np.float32)
        self.teacher = np.zeros((*shape, actions), np.float32)
        self.labelled = np.zeros(shape, np.bool_)

    def rollout(self) -> Rollout:
        """The same numbers, flat."""
        rows = self.rewards.size
        return Rollout(
            features={name: values.reshape(rows, *values.shape[2:]) for name, values in self.features.items()},
            actions=self.actions.reshape(rows),
            log_probs=self.log_probs.reshape(rows),
            advantages=self.advantages.reshape(rows),
            returns=(self.advantages + self.values).reshape(rows),
            teacher=self.teacher.reshape(rows, -1),
            labelled=self.labelled.reshape(rows),
        )
