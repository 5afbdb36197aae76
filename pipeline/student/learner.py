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

import numpy as np

from pipeline.instructions import SoftInstruction
from pipeline.params import Schedule, Train
from pipeline.student.advantages import gae
from pipeline.student.annealing import linear, teacher_weight
from pipeline.student.buffers import Buffers
from pipeline.student.methods.method import Lesson, Method
from pipeline.student.student import Reduce, Student, UpdateSettings, forget
from pipeline.tasks.base import Finished, Task

TRAIN = "train"
"""The phase with a teacher; the other is `finetune`."""


@dataclass(frozen=True)
class Phase:
    """A stretch of a schedule's iterations: `train` with the teacher, `finetune` without."""

    name: str
    first: int
    last: int

    @classmethod
    def of(cls, name: str, schedule: Schedule) -> Phase:
        """The named phase; its iterations are first..last-1."""
        taught = schedule.taught
        return cls(name, 0, taught) if name == TRAIN else cls(name, taught, schedule.iterations)


class Learner:
    """One student that learns one task.

    task          what is learned
    method        who teaches, in the phase `train`
    train         the network, the memory and the update
    schedule      PPO's settings and the annealing
    phase         which iterations
    make_student  makes the student from a random generator
    instructions  the label table by state_id; None for a method that needs none, and without a teacher
    seed          of layouts, sampled actions, initial weights and minibatches
    rank          of this process among those that learn one student together: they start from the same weights, and
                  each has environments and random numbers of its own
    reduce        comes between gradients and steps; see `Student.update`
    """

    def __init__(
        self,
        task: Task,
        method: Method,
        train: Train,
        schedule: Schedule,
        phase: Phase,
        make_student: Callable[[np.random.Generator], Student],
        instructions: Mapping[str, SoftInstruction] | None,
        seed: int,
        rank: int = 0,
        reduce: Reduce | None = None,
    ) -> None:
        self.task, self.method, self.schedule, self.phase = task, method, schedule, phase
        self.iteration = phase.first
        self.seconds = 0.0
        self._reduce = reduce
        own = [rank] if rank else []
        self._rng = np.random.default_rng([seed, 5 + phase.first, *own])  # 0 to 4: weights, labels and layouts
        self.student = make_student(np.random.default_rng([seed, 0]))
        layouts = int(np.random.default_rng([seed, 4, *own]).integers(2**31))  # the same in both phases
        self.batch = task.make_batch(schedule.envs, layouts, instructions, "train")
        self._age = 0
        self._memory = self.student.memory(self.batch.rows)
        self._buffers = Buffers(schedule, self.batch, self.student)
        lesson = Lesson(task, train, schedule, self.batch, np.random.default_rng([seed, 3]))
        self._teaching = method.teaching(lesson) if phase.name == TRAIN else None

    @property
    def done(self) -> bool:
        """Whether the phase has no iteration left."""
        return self.iteration >= self.phase.last

    @property
    def unlabelled(self) -> Counter[int]:
        """How often each description, by its number in the batch, was met for which the teacher had no advice."""
        return self._teaching.unlabelled if self._teaching else Counter()

    @property
    def _teacher_weight(self) -> float:
        """lambda of the present iteration; without a teacher it is 0, whatever the schedule says."""
        return teacher_weight(self.schedule, self.iteration) if self._teaching else 0.0

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
            epsilon=schedule.epsilon,
        )
        rollout = b.rollout()
        losses = self.method.update(self.student, rollout, orders, settings, self._reduce)
        if self._teaching and weight > 0:
            self._teaching.update(rollout, orders, settings)
        self.iteration += 1
        self.seconds += time.perf_counter() - started
        return {
            "iteration": i,
            "env_steps": self.iteration * schedule.steps,
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
        noise = student.policy.noise(self._rng, horizon + 1, batch.rows)
        teaching = self._teaching if self._teacher_weight > 0 else None
        missed = teaching.unlabelled.total() if teaching else 0
        for t in range(horizon):
            student.encode(batch.observation, b.features[t], memory)
            if teaching:
                teaching.advise(t, batch, b.teacher[t], b.labelled[t])
            student.act(b.features[t], noise[t], b.actions[t], b.log_probs[t], b.values[t], memory)
            finished = batch.step(student.policy.to_task(b.actions[t]))
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
        student.act(b.features[horizon], noise[horizon], b.actions[horizon], b.log_probs[horizon], b.values[horizon])
        if teaching:
            teaching.conclude(b.rollout())
        missed = teaching.unlabelled.total() - missed if teaching else 0
        ended = (b.terminated | b.truncated) & (self._age >= self.task.horizon)
        self._age += horizon
        means = {
            "episodes": int(ended.sum()),
            "success": float(b.successes[ended].mean()) if ended.any() else np.nan,
            "episode_return": float(b.episode_returns[ended].mean()) if ended.any() else np.nan,
            "episode_length": float(b.episode_lengths[ended].mean()) if ended.any() else np.nan,
        }
        return means, missed / b.rewards.size

    def _value_ends(self, finished: Finished, values: np.ndarray) -> None:
        """Fill values (float32[rows]) with the student's value of the last observation of each truncated episode."""
        rows = np.flatnonzero(finished.truncated & ~finished.terminated)
        if not len(rows):
            return
        features = self.student.features(len(rows))
        memory = {name: kept[rows] for name, kept in self._memory.items()}
        last = {name: array[rows] for name, array in finished.last_observation.items()}
        self.student.encode(last, features, memory)
        unused, (log_probs, expected) = self.student.policy.actions(len(rows)), np.zeros((2, len(rows)), np.float32)
        self.student.act(features, None, unused, log_probs, expected, memory)
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
        teaching = self._teaching.state() if self._teaching else {}
        return {
            **{f"student.{name}": value for name, value in self.student.weights().items()},
            **{f"optimiser.{name}": value for name, value in self.student.optimiser().items()},
            **{f"teaching.{name}": value for name, value in teaching.items()},
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
        low, high, inc_low, inc_high, has_uint32, uinteger = (int(word) for word in state["rng"])
        self._rng.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }
        self.iteration = int(state["iteration"][0])
        self.seconds = float(state["seconds"][0])
        if self._teaching:
            self._teaching.load_state(_part(state, "teaching."))
            self._teaching.unlabelled = Counter({int(number): int(count) for number, count in state["unlabelled"]})


def _part(state: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin so, without the beginning."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


CURVE_COLUMNS = (
    "phase", "iteration", "env_steps", "seconds", "episodes", "success", "episode_return", "episode_length",
    "teacher_weight", "learning_rate", "policy_loss", "value_loss", "teacher_loss", "entropy", "label_miss_rate",
)  # fmt: skip
"""One row per iteration. `episodes` is how many count of those that ended in it (see `Learner._roll_out`); the means
over them are not a number where there are none."""
