"""Learning over options: a table of what each option is worth in each description, found by experience alone.

Double Q-learning (van Hasselt 2010) over semi-Markov decisions (Sutton, Precup and Singh 1999): an option is followed
until it is done or stuck, the description changes, or LONGEST steps have passed; then one of two tables learns from the
discounted reward on the way and from what the other one thinks of where it led. No label and no language model is
asked. What has been learned is a label set like any other: for each description the option that is worth most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.instructions import Description, Grammar, Option, Plan, PlanShare, SoftInstruction, options_of
from pipeline.tasks.base import NO_ACTION, Batch, Task

LONGEST = 50
"""Steps after which an option is given up."""


@dataclass(frozen=True)
class OptionLearning:
    """How it is learned.

    environments     that act together
    steps            environment steps in all
    learning_rate    of the tables
    gamma            discount per environment step
    epsilon          chance of an option at random; falls linearly from the first to the last number
    prior            value that a label set's plans begin with, for the share that it gives them; 0 for the others
    """

    environments: int = 64
    steps: int = 200_000
    learning_rate: float = 0.2
    gamma: float = 0.995
    epsilon: tuple[float, float] = (1.0, 0.05)
    prior: float = 0.5


def possible(options: tuple[Option, ...], description: Description, grammar: Grammar) -> np.ndarray:
    """bool[options]: those whose object the description names, in the hand where that is needed; never none."""
    held = {spec.name for spec in grammar.options if spec.held}
    there = {*description.sees, description.holds}
    fits = [
        not option.args or (option.args[0] == description.holds if option.name in held else option.args[0] in there)
        for option in options
    ]
    return np.array(fits) if any(fits) else np.ones(len(options), bool)


class OptionTable:
    """What each option is worth in each description, by two tables.

    options   all that the task's grammar allows
    values    float64[2, descriptions, options]; minus infinity where an option is not possible
    """

    def __init__(self, task: Task, labels: Mapping[str, SoftInstruction] | None = None, prior: float = 0.0) -> None:
        self.task, self.options = task, options_of(task.grammar)
        self.descriptions: list[Description] = []
        self.values = np.zeros((2, 0, len(self.options)))
        self._labels, self._prior = dict(labels or {}), prior
        self._rows: dict[str, int] = {}

    def row(self, description: Description) -> int:
        """The table's row of a description, which is added if it is new."""
        if description.state_id not in self._rows:
            number = self._rows[description.state_id] = len(self.descriptions)
            self.descriptions.append(description)
            if number == self.values.shape[1]:
                more = np.zeros((2, max(number, 64), len(self.options)))
                self.values = np.concatenate([self.values, more], axis=1)
            first = np.where(possible(self.options, description, self.task.grammar), 0.0, -np.inf)
            instruction = self._labels.get(description.state_id)
            for share in instruction.shares if instruction else ():
                first[self.options.index(share.plan.options[0])] += self._prior * share.prob
            self.values[:, number] = first
        return self._rows[description.state_id]

    def choose(self, rows: np.ndarray, epsilon: float, rng: np.random.Generator) -> np.ndarray:
        """int64[n]: for each of these rows (int64[n]) the option worth most, of several any; by chance a random one."""
        worth = self.values[:, rows].sum(0)
        any_of_best = rng.random(worth.shape)
        best = np.where(worth == worth.max(-1, keepdims=True), any_of_best, -1).argmax(-1)
        anything = np.where(np.isfinite(worth), any_of_best, -1).argmax(-1)
        return np.where(rng.random(len(rows)) < epsilon, anything, best)

    def learn(self, row: int, option: int, reward: float, discount: float, after: int, rate: float, which: int) -> None:
        """One option has ended; table `which` (0 or 1) learns from it.

        row, option  where it began, and which it was
        reward       on the way, discounted
        discount     of what comes after; 0 where the episode ended
        after        the row where it led
        """
        future = 0.0
        if discount:
            future = discount * self.values[1 - which, after, self.values[which, after].argmax()]
        self.values[which, row, option] += rate * (reward + future - self.values[which, row, option])

    def instructions(self) -> dict[str, SoftInstruction]:
        """The label set that was learned: all mass on the option that is worth most; by state_id."""
        found = {}
        for number, description in enumerate(self.descriptions):
            plan = Plan((self.options[int(self.values[:, number].sum(0).argmax())],))
            found[description.state_id] = SoftInstruction(description, (PlanShare(plan, 1.0, str(plan)),))
        return found


class Following:
    """Options that a batch's rows are committed to, each until it ends.

    row, option  int64[rows]: where each began, and which it is
    reward       float64[rows]: on the way, discounted
    length       int64[rows]: steps so far
    """

    def __init__(self, batch: Batch, table: OptionTable) -> None:
        self.batch, self.table = batch, table
        self.row, self.option, self.length = np.zeros((3, batch.rows), np.int64)
        self.reward = np.zeros(batch.rows)
        self._act = batch.option_actions(table.options)

    def present(self) -> np.ndarray:
        """int64[rows]: the table's rows of the present states."""
        numbers, place = np.unique(self.batch.description, return_inverse=True)
        return np.array([self.table.row(self.batch.descriptions[k]) for k in numbers.tolist()])[place]

    def begin(self, which: np.ndarray, epsilon: float, rng: np.random.Generator) -> None:
        """Choose an option anew in those rows (bool[rows])."""
        rows = self.present()[which]
        self.row[which], self.option[which] = rows, self.table.choose(rows, epsilon, rng)
        self.reward[which], self.length[which] = 0, 0

    def actions(self) -> tuple[np.ndarray, np.ndarray]:
        """int64[rows]: what the options do (idling where they can't), and bool[rows]: whether they can."""
        actions = self._act(self.option)
        able = actions != NO_ACTION
        return np.where(able, actions, self.table.task.idle), able

    def ended(self, done: np.ndarray, able: np.ndarray) -> np.ndarray:
        """bool[rows]: whose option is over, after a step with those ends of episodes and those that could act."""
        self.length += 1
        return done | ~able | (self.present() != self.row) | (self.length >= LONGEST)


def learn_options(
    task: Task, settings: OptionLearning, seed: int, labels: Mapping[str, SoftInstruction] | None = None
) -> OptionTable:
    """Learn a task's table on training layouts, from nothing or from a label set that experience corrects.

    Raises NotImplementedError for a task whose batches can't follow options one by one.
    """
    rng = np.random.default_rng([seed, 6])
    batch = task.make_batch(settings.environments, int(rng.integers(2**31)), None, "train")
    table = OptionTable(task, labels, settings.prior)
    following = Following(batch, table)
    rounds = -(-settings.steps // settings.environments)
    first, last = settings.epsilon
    following.begin(np.ones(batch.rows, bool), first, rng)
    for k in range(rounds):
        actions, able = following.actions()
        finished = batch.step(actions)
        following.reward += settings.gamma**following.length * finished.reward
        ended = following.ended(finished.done, able)
        after = following.present()
        for i in np.flatnonzero(ended).tolist():
            discount = 0.0 if finished.done[i] else settings.gamma ** int(following.length[i])
            table.learn(
                int(following.row[i]), int(following.option[i]), float(following.reward[i]), discount,
                int(after[i]), settings.learning_rate, int(rng.integers(2)),
            )  # fmt: skip
        following.begin(ended, first + (last - first) * k / rounds, rng)
    return table


def play_options(task: Task, table: OptionTable, layout_seeds: np.ndarray, epsilon: float, seed: int) -> np.ndarray:
    """bool[layouts]: which of those layouts (seeds uint32[layouts]) are solved by the table's options, committed.

    epsilon  chance of a random option instead of the one worth most; 1: random options alone
    """
    batch = task.make_batch(len(layout_seeds), 0, None, None)
    batch.reset(layout_seeds)
    rng = np.random.default_rng([seed, 7])
    following = Following(batch, table)
    following.begin(np.ones(batch.rows, bool), epsilon, rng)
    solved, over = np.zeros((2, batch.rows), bool)
    while not over.all():
        actions, able = following.actions()
        finished = batch.step(actions)
        solved |= finished.success & ~over
        over |= finished.done
        following.begin(following.ended(finished.done, able), epsilon, rng)
    return solved
