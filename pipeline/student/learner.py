"""The learning loop (paper Algorithm 1): roll out the student, compare with the teacher, update, anneal.

An iteration reads top to bottom in `Learner.iterate`. Everything that decides the future is in `Learner.state`, so a
learner that is stopped and loaded goes on bit for bit as if it had not been. `Learner.environments` is the part of it
that one phase hands to the next, so that episodes go on while the teacher leaves.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.instructions import SoftInstruction
from pipeline.params import Schedule
from pipeline.student.advantages import gae
from pipeline.student.annealing import linear, teacher_weight
from pipeline.student.student import Rollout, Student, UpdateSettings, forget
from pipeline.tasks.base import Batch, Finished, Task

if TYPE_CHECKING:
    from pipeline.student.hierarchical import PolicyOverTeachers


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
    make_over_teachers  makes the policy over the option policies that then teach in the label table's place
    """

    def __init__(
        self,
        task: Task,
        schedule: Schedule,
        phase: Phase,
        make_student: Callable[[np.random.Generator], Student],
        instructions: Mapping[str, SoftInstruction] | None,
        seed: int,
        make_over_teachers: Callable[[np.random.Generator], PolicyOverTeachers] | None = None,
    ) -> None:
        self.task = task
        self.schedule = schedule
        self.phase = phase
        self.iteration = phase.first
        self.seconds = 0.0
        self._has_labels = instructions is not None
        self.unlabelled: Counter[int] = Counter()
        self._rng = np.random.default_rng([seed, 5 + phase.first])  # 0 to 4: weights, labels and layouts
        self.student = make_student(np.random.default_rng([seed, 0]))
        layouts = int(np.random.default_rng([seed, 4]).integers(2**31))  # the same in both phases
        self.batch = task.make_batch(schedule.envs, layouts, instructions, "train")
        self._age = 0
        self._memory = self.student.memory(schedule.envs)
        self._over_teachers = make_over_teachers and make_over_teachers(np.random.default_rng([seed, 3]))
        options = self._over_teachers.options if self._over_teachers else ()
        self._follow = self.batch.option_policies(options) if options else None
        self._buffers = _Buffers(schedule, self.batch, self.student, len(options))

    @property
    def done(self) -> bool:
        """Whether the phase has no iteration left."""
        return self.iteration >= self.phase.last

    @property
    def _teacher_weight(self) -> float:
        """lambda of the present iteration; a method without teacher has none, whatever the schedule says."""
        has_teacher = self._has_labels or self._over_teachers is not None
        return teacher_weight(self.schedule, self.iteration) if has_teacher else 0.0

    def iterate(self) -> dict[str, float]:
        """One iteration; returns its row of the training curve (see `CURVE_COLUMNS`)."""
        started = time.perf_counter()
        schedule, i = self.schedule, self.iteration
        episodes, misses = self._roll_out()
        b = self._buffers
        gae(
            b.rewards, b.terminated, b.truncated, b.values[:-1], b.values[-1], b.end_values,
            schedule.gamma, schedule.gae, b.advantages,
        )  # fmt: skip
        orders = np.stack([self._rng.permutation(b.rewards.size) for _ in range(schedule.epochs)])
        weight = self._teacher_weight
        settings = UpdateSettings(
            minibatch=schedule.minibatch,
            learning_rate=linear(schedule.lr, schedule.lr_end, i, schedule.iterations),
            clip=schedule.clip,
            grad_norm=schedule.grad_norm,
            value=schedule.value,
            entropy=linear(schedule.entropy, schedule.entropy_end, i, schedule.iterations),
            teacher=weight,
            distance=schedule.distance,
        )
        rollout = b.rollout()
        losses = self.student.update(rollout, orders, settings)
        if self._over_teachers and weight > 0:
            self._over_teachers.update(rollout, b.flat_options(), orders, settings)
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
        """Fill the buffers with `horizon` steps; returns the means over ended episodes, and the label miss rate.

        Among the first episodes to end in fresh environments are the short, lucky ones alone, so none is counted until
        the environments are as old as the longest episode.
        """
        b, batch, student, memory = self._buffers, self.batch, self.student, self._memory
        horizon = self.schedule.horizon
        uniforms = self._rng.random((horizon + 1, batch.rows), dtype=np.float32)
        teaching = self._teacher_weight > 0
        unlabelled = 0
        for t in range(horizon):
            student.encode(batch.observation, b.features[t], memory)
            b.teacher[t] = batch.teacher
            b.labelled[t] = batch.labelled
            if teaching and self._follow:
                b.options[t] = self._follow()
            elif teaching and not batch.labelled.all():
                missed = batch.description[~batch.labelled]
                unlabelled += len(missed)
                self.unlabelled.update(missed.tolist())
            student.act(b.features[t], uniforms[t], b.actions[t], b.log_probs[t], b.values[t], memory)
            finished = batch.step(b.actions[t])
            b.rewards[t] = finished.reward
            b.terminated[t] = finished.terminated
            b.truncated[t] = finished.truncated
            if self.schedule.truncation == "bootstrap":
                self._value_ends(finished, b.end_values[t])
            forget(memory, finished.done)
            b.successes[t] = finished.success
            b.episode_returns[t] = finished.episode_return
            b.episode_lengths[t] = finished.episode_length
        # Only the value of the state after the last step counts; memory takes it in when the next iteration begins.
        student.encode(batch.observation, b.features[horizon], {name: kept.copy() for name, kept in memory.items()})
        student.act(b.features[horizon], uniforms[horizon], b.actions[horizon], b.log_probs[horizon], b.values[horizon])
        if teaching and self._over_teachers:
            rollout = b.rollout()
            self._over_teachers.mix(rollout.features, b.flat_options(), rollout.teacher, rollout.labelled)
        ended = (b.terminated | b.truncated) & (self._age >= self.task.horizon)
        self._age += horizon
        means = {
            "episodes": int(ended.sum()),
            "success": float(b.successes[ended].mean()) if ended.any() else np.nan,
            "episode_return": float(b.episode_returns[ended].mean()) if ended.any() else np.nan,
            "episode_length": float(b.episode_lengths[ended].mean()) if ended.any() else np.nan,
        }
        return means, unlabelled / b.rewards.size

    def _value_ends(self, finished: Finished, values: np.ndarray) -> None:
        """Fill values (float32[rows]) with the student's value of the last observation of each truncated episode."""
        rows = np.flatnonzero(finished.truncated & ~finished.terminated)
        if not len(rows):
            return
        features = self.student.features(len(rows))
        memory = {name: kept[rows] for name, kept in self._memory.items()}
        last = {name: array[rows] for name, array in finished.last_observation.items()}
        self.student.encode(last, features, memory)
        unused_actions, unused_log_probs = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.float32)
        expected = np.zeros(len(rows), np.float32)
        self.student.act(features, None, unused_actions, unused_log_probs, expected, memory)
        values[rows] = expected

    def environments(self) -> dict[str, np.ndarray]:
        """The running episodes as arrays: worlds, what the student remembers of them, and their age in steps."""
        return {
            **{f"batch.{name}": value for name, value in self.batch.state().items()},
            **{f"memory.{name}": kept.copy() for name, kept in self._memory.items()},
            "age": np.array([self._age]),
        }

    def load_environments(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on with the episodes of another learner of the same task, schedule, network and seed."""
        self.batch.load_state(_part(state, "batch."))
        for name, kept in _part(state, "memory.").items():
            self._memory[name][:] = kept
        self._age = int(state["age"][0])

    def state(self) -> dict[str, np.ndarray]:
        """Everything that decides the future, as arrays; see `checkpoint` for the file."""
        generator = self._rng.bit_generator.state
        words = [generator["state"]["state"], generator["state"]["inc"]]
        rng = [word >> shift & 0xFFFFFFFFFFFFFFFF for word in words for shift in (0, 64)]
        over_teachers = self._over_teachers.state() if self._over_teachers else {}
        return {
            **{f"student.{name}": value for name, value in self.student.weights().items()},
            **{f"optimiser.{name}": value for name, value in self.student.optimiser().items()},
            **{f"over_teachers.{name}": value for name, value in over_teachers.items()},
            **self.environments(),
            "rng": np.array([*rng, generator["has_uint32"], generator["uinteger"]], np.uint64),
            "iteration": np.array([self.iteration]),
            "seconds": np.array([self.seconds]),
            "unlabelled": np.array(sorted(self.unlabelled.items()), np.int64).reshape(-1, 2),
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `state` was taken."""
        self.student.load_weights(_part(state, "student."))
        self.student.load_optimiser(_part(state, "optimiser."))
        self.load_environments(state)
        if self._over_teachers:
            self._over_teachers.load_state(_part(state, "over_teachers."))
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


def _part(state: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin so, without the beginning."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


CURVE_COLUMNS = (
    "phase", "iteration", "env_steps", "seconds", "episodes", "success", "episode_return", "episode_length",
    "teacher_weight", "learning_rate", "policy_loss", "value_loss", "teacher_loss", "entropy", "label_miss_rate",
)  # fmt: skip
"""One row per iteration. `episodes` is how many count of those that ended in it (see `Learner._roll_out`); the means
over them are not a number where there are none."""


class _Buffers:
    """The arrays of one iteration, allocated once: [horizon, rows, ...], what acting fills with one more at the end.

    options  how many option policies teach
    """

    def __init__(self, schedule: Schedule, batch: Batch, student: Student, options: int) -> None:
        self.shape = (schedule.horizon, batch.rows)
        one_more = (schedule.horizon + 1, batch.rows)
        self._features = student.features(one_more[0] * one_more[1])
        shaped = {name: values.reshape(*one_more, *values.shape[1:]) for name, values in self._features.items()}
        self.features = [{name: values[t] for name, values in shaped.items()} for t in range(one_more[0])]
        self.actions = np.zeros(one_more, np.int64)
        self.log_probs = np.zeros(one_more, np.float32)
        self.values = np.zeros(one_more, np.float32)
        self.rewards = np.zeros(self.shape, np.float32)
        self.terminated = np.zeros(self.shape, np.bool_)
        self.truncated = np.zeros(self.shape, np.bool_)
        self.end_values = np.zeros(self.shape, np.float32)
        self.successes = np.zeros(self.shape, np.bool_)
        self.episode_returns = np.zeros(self.shape, np.float32)
        self.episode_lengths = np.zeros(self.shape, np.int32)
        self.advantages = np.zeros(self.shape, np.float32)
        self.teacher = np.zeros((*self.shape, *batch.teacher.shape[1:]), np.float32)
        self.labelled = np.zeros(self.shape, np.bool_)
        self.options = np.zeros((*self.shape, options, *batch.teacher.shape[1:]), np.float32)

    def flat_options(self) -> np.ndarray:
        """Each option's own policy in every step: float32[steps x environments, options, ...]."""
        return self.options.reshape(self.rewards.size, *self.options.shape[2:])

    def rollout(self) -> Rollout:
        """The same numbers, flat."""
        rows = self.rewards.size
        return Rollout(
            features={name: values[:rows] for name, values in self._features.items()},
            actions=self.actions.reshape(-1)[:rows],
            log_probs=self.log_probs.reshape(-1)[:rows],
            advantages=self.advantages.reshape(rows),
            returns=(self.advantages + self.values[:-1]).reshape(rows),
            teacher=self.teacher.reshape(rows, *self.teacher.shape[2:]),
            labelled=self.labelled.reshape(rows),
            steps=len(self.rewards),
        )
