"""What ablations do to label tables, against figures worked out by hand."""

import numpy as np
import pytest

from pipeline.experiments.label_changes import by_logprobs, hard, missing, noise, samples
from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction
from pipeline.tasks.registry import get_task

TASK = get_task("SimpleDoorKey")
RNG = np.random.default_rng(0)
STATE = Description(("door", "key"))
FETCH = Plan((Option("go to", ("key",)), Option("pick up", ("key",))))
EXPLORE = Plan((Option("explore"),))


def table() -> dict[str, SoftInstruction]:
    shares = (PlanShare(FETCH, 0.6, "fetch"), PlanShare(EXPLORE, 0.3, "explore"))
    return {STATE.state_id: SoftInstruction(STATE, shares, 0.1)}


def probs(labels: dict[str, SoftInstruction]) -> dict[Plan, float]:
    return {share.plan: share.prob for share in labels[STATE.state_id].shares}


def test_hard_keeps_the_most_probable_plan_alone():
    changed = hard(table(), TASK, RNG)
    assert probs(changed) == {FETCH: 1.0}
    assert changed[STATE.state_id].residual == 0


def test_logprobs_leave_out_what_is_no_plan():
    changed = by_logprobs(table(), TASK, RNG)
    assert probs(changed) == pytest.approx({FETCH: 2 / 3, EXPLORE: 1 / 3})
    assert changed[STATE.state_id].residual == 0


def test_samples_are_frequencies_that_converge():
    one = samples(1, table(), TASK, np.random.default_rng(1))[STATE.state_id]
    assert [share.prob for share in one.shares] in ([1.0], [])
    many = samples(20000, table(), TASK, np.random.default_rng(1))[STATE.state_id]
    assert many.residual == pytest.approx(0.1, abs=0.01)  # 5 standard deviations
    assert {share.plan: share.prob for share in many.shares} == pytest.approx({FETCH: 0.6, EXPLORE: 0.3}, abs=0.02)
    assert sum(share.count for share in many.shares) + round(20000 * many.residual) == 20000


def test_noise_mixes_in_every_option_that_can_start():
    changed = probs(noise(0.5, table(), TASK, RNG))
    # explore, go to door, go to key, pick up key, open door can start there: a tenth each
    assert changed[FETCH] == pytest.approx(0.3)
    assert changed[EXPLORE] == pytest.approx(0.15 + 0.1)
    assert changed[Plan((Option("open", ("door",)),))] == pytest.approx(0.1)
    assert len(changed) == 6


def test_no_noise_changes_nothing():
    assert probs(noise(0.0, table(), TASK, RNG)) == probs(table())


@pytest.mark.parametrize(("share", "kept"), [(0.0, 8), (0.25, 6), (1.0, 0)])
def test_missing_takes_that_share_of_descriptions(share, kept):
    things = [Description(tuple(f"thing{k}" for k in range(n))) for n in range(8)]
    labels = {d.state_id: SoftInstruction(d, (PlanShare(EXPLORE, 1.0, "explore"),)) for d in things}
    changed = missing(share, labels, TASK, np.random.default_rng(0))
    assert len(changed) == kept
    assert set(changed) <= set(labels)
