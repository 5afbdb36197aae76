"""The language of the domain: what an agent says about a state, and what a teacher answers.

A `Description` is what the agent can say about a state (paper A.2), an `Option` one sub-policy with its argument
(paper A.4), a `Plan` a sequence of options, and a `SoftInstruction` a distribution over plans for one description
(paper section 3.2.1). Everything here is plain data: no environment, no model, no file.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property


@dataclass(frozen=True)
class Description:
    """What the agent can say about a state: the objects it has seen, and the one it holds.

    Objects are noun phrases such as `red key`. `sees` is kept sorted, so equal states compare equal.
    """

    sees: tuple[str, ...] = ()
    holds: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sees", tuple(sorted(self.sees)))

    @cached_property
    def sentence(self) -> str:
        """One English sentence, as in the paper's A.2; equal descriptions give equal sentences."""
        holds = f"holds a {self.holds}" if self.holds else "holds nothing"
        sees = ", ".join(f"a {thing}" for thing in self.sees) or "nothing"
        return f"The agent observes {sees}, and {holds}."

    @cached_property
    def state_id(self) -> str:
        """sha256 (64 hex digits) of the sentence."""
        return hashlib.sha256(self.sentence.encode()).hexdigest()

    @classmethod
    def from_sentence(cls, sentence: str) -> Description:
        """The description that is written so. Raises ValueError if there is none."""
        match = re.fullmatch(r"The agent observes (.*), and holds (.*)\.", sentence)
        if match is not None:
            sees, holds = match.groups()
            things = () if sees == "nothing" else tuple(sees.removeprefix("a ").split(", a "))
            found = cls(things, None if holds == "nothing" else holds.removeprefix("a "))
            if found.sentence == sentence:
                return found
        raise ValueError(f"{sentence!r} is not the sentence of a description")

    def __str__(self) -> str:
        return self.sentence


def with_colour_roles(description: Description, colours: Sequence[str]) -> tuple[Description, dict[str, str]]:
    """Replace colours by roles (`color1`, `color2`, ...), so that one answer serves all symmetric states.

    Returns the description whose sorted objects come first alphabetically among all ways of numbering the colours
    that occur, and the mapping from each colour to its role.
    """
    things = [*description.sees, *([description.holds] if description.holds else [])]
    present = sorted({word for thing in things for word in thing.split() if word in colours})
    best: tuple[Description, dict[str, str]] | None = None
    for order in itertools.permutations(present):
        roles = {colour: f"color{number}" for number, colour in enumerate(order, 1)}
        candidate = Description(
            tuple(rename(thing, roles) for thing in description.sees),
            rename(description.holds, roles) if description.holds else None,
        )
        key = (candidate.sees, candidate.holds or "")
        if best is None or key < (best[0].sees, best[0].holds or ""):
            best = candidate, roles
    assert best is not None  # permutations of nothing is one empty order
    return best


def rename(thing: str, names: Mapping[str, str]) -> str:
    """Replace whole words of a noun phrase: `rename("red key", {"red": "color1"})` is `color1 key`."""
    return " ".join(names.get(word, word) for word in thing.split())


@dataclass(frozen=True, order=True)
class Option:
    """One option of the paper's A.4: a name, and the object it is about (empty for `explore`)."""

    name: str
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.name, *(f"<{arg}>" for arg in self.args)])


@dataclass(frozen=True, order=True)
class Plan:
    """A sequence of options, carried out one after the other."""

    options: tuple[Option, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.options))

    @cached_property
    def plan_id(self) -> str:
        """sha256 (64 hex digits) of the plan's text."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    def renamed(self, names: Mapping[str, str]) -> Plan:
        """The same plan about other objects: each word of each argument is looked up in `names`."""
        return Plan(tuple(Option(o.name, tuple(rename(a, names) for a in o.args)) for o in self.options))


@dataclass(frozen=True)
class OptionSpec:
    """What a task knows of one option name.

    name      as it is written in plans
    about     the last words of the objects it may be about (`("key",)`); empty: the option takes no object
    aliases   other ways models write it; a plan that uses one counts as repaired
    held      True: its object must be in the agent's hand; False: it must be in sight or in the hand
    """

    name: str
    about: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    held: bool = False


@dataclass(frozen=True)
class Grammar:
    """The options of a task and the objects that exist in it: what a plan may say.

    Raises ValueError if two objects, or two options (aliases too), have the same name.
    """

    options: tuple[OptionSpec, ...]
    objects: tuple[str, ...]

    def __post_init__(self) -> None:
        names = [name for spec in self.options for name in (spec.name, *spec.aliases)]
        for what, words in (("object", self.objects), ("option", names)):
            for word, count in Counter(words).items():
                if count > 1:
                    raise ValueError(f"the grammar names the {what} {word!r} {count} times")

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.options, self.objects))

    def __getstate__(self) -> dict[str, object]:
        return {"options": self.options, "objects": self.objects}  # hashes of text differ between processes

    @cached_property
    def wordings(self) -> tuple[tuple[re.Pattern[str], OptionSpec, bool], ...]:
        """For every way to write an option: what begins an option so, its spec, and whether it is an alias."""
        return tuple(
            (re.compile(re.escape(name) + r"(?![\w])\s*(.*)$"), spec, name != spec.name)
            for spec in self.options
            for name in (spec.name, *spec.aliases)
        )

    @cached_property
    def bare_and(self) -> re.Pattern[str]:
        """An `and` with an option after it, so that one within an object's name separates nothing."""
        names = "|".join(re.escape(name) for spec in self.options for name in (spec.name, *spec.aliases))
        return re.compile(rf"\s+and\s+(?=(?:{names})(?!\w))", re.IGNORECASE)

    def spec(self, name: str) -> OptionSpec | None:
        return next((spec for spec in self.options if spec.name == name), None)

    def allows(self, plan: Plan) -> bool:
        """Whether all options of a plan exist, each about one object that it may be about, or none."""
        return all(
            (spec := self.spec(option.name)) is not None
            and len(option.args) == bool(spec.about)
            and all(thing in self.objects and thing.endswith(spec.about) for thing in option.args)
            for option in plan.options
        )


def options_of(grammar: Grammar) -> tuple[Option, ...]:
    """Every option that a grammar allows, in its order."""
    return tuple(
        Option(spec.name, things)
        for spec in grammar.options
        for things in ([(o,) for o in grammar.objects if o.endswith(spec.about)] if spec.about else [()])
    )


class Verdict(str, Enum):
    """How an answer was judged; only `VALID` and `REPAIRED` ones become part of a distribution."""

    VALID = "valid"
    REPAIRED = "repaired"
    UNKNOWN_OPTION = "unknown option"
    UNKNOWN_OBJECT = "unknown object"
    NOT_EXECUTABLE = "not executable here"
    UNPARSEABLE = "unparseable"

    @property
    def usable(self) -> bool:
        return self in (Verdict.VALID, Verdict.REPAIRED)


@dataclass(frozen=True)
class Reading:
    """What was made of one answer: the plan (None unless usable), the verdict, and why in a few words."""

    plan: Plan | None
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True)
class PlanShare:
    """One plan's share of a soft instruction: its probability, and where it came from (draws or log-score)."""

    plan: Plan
    prob: float
    text: str
    count: int | None = None
    logprob: float | None = None


TOLERANCE = 1e-6


@dataclass(frozen=True)
class SoftInstruction:
    """A teacher's answer for one description: Pr(plan k | description) of the paper's Eq. 1.

    shares    by falling probability; each in (0, 1]
    residual  the mass of answers that were no usable plan, in [0, 1]; shares and residual sum to one
    """

    description: Description
    shares: tuple[PlanShare, ...]
    residual: float = 0.0

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.shares, key=lambda share: (-share.prob, str(share.plan))))
        object.__setattr__(self, "shares", ordered)
        values = [self.residual, *(share.prob for share in self.shares)]
        if any(not math.isfinite(v) or v < 0 or v > 1 + TOLERANCE for v in values):
            raise ValueError(f"probabilities must lie in [0, 1], got {values}: {self.description}")
        if abs(sum(values) - 1) > TOLERANCE:
            raise ValueError(f"probabilities sum to {sum(values):.6f}, not 1: {self.description}")
        if len({share.plan for share in self.shares}) != len(self.shares):
            raise ValueError(f"the same plan is listed twice: {self.description}")

    @property
    def entropy(self) -> float:
        """Entropy in nats of the plans' distribution, the residual counted as one more outcome."""
        return sum(-p * math.log(p) for p in [self.residual, *(s.prob for s in self.shares)] if p > 0)

    @classmethod
    def from_readings(cls, description: Description, readings: Sequence[tuple[str, Reading]]) -> SoftInstruction:
        """The frequencies of n answers (paper A.3, first way); `readings` are pairs of raw text and its reading.

        Raises ValueError if there are none.
        """
        if not readings:
            raise ValueError(f"no answers for: {description}")
        counts: dict[Plan, int] = {}
        texts: dict[Plan, str] = {}
        for text, reading in readings:
            if reading.plan is not None:
                counts[reading.plan] = counts.get(reading.plan, 0) + 1
                texts.setdefault(reading.plan, text)
        total = len(readings)
        shares = tuple(PlanShare(plan, count / total, texts[plan], count) for plan, count in counts.items())
        return cls(description, shares, (total - sum(counts.values())) / total)

    @classmethod
    def from_logprobs(cls, description: Description, scores: Mapping[Plan, float]) -> SoftInstruction:
        """Candidate plans' log-scores, normalised by a softmax (paper A.3, second way).

        Raises ValueError if there are none, or all are minus infinity or one is not a number.
        """
        finite = {plan: score for plan, score in scores.items() if score > -math.inf}
        if not finite or any(math.isnan(score) or score == math.inf for score in scores.values()):
            raise ValueError(f"no finite log-scores for: {description}")
        top = max(finite.values())
        total = sum(math.exp(score - top) for score in finite.values())
        shares = (PlanShare(p, math.exp(s - top) / total, str(p), None, s) for p, s in finite.items())
        return cls(description, tuple(share for share in shares if share.prob > 0))

    def hardened(self) -> SoftInstruction:
        """The deterministic teacher of the paper's Fig. 4: all mass on the most probable plan (ties: by text)."""
        if not self.shares:
            return self
        top = self.shares[0]
        return SoftInstruction(self.description, (PlanShare(top.plan, 1.0, top.text, top.count, top.logprob),))
