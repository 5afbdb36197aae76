"""What a labelling came to, in figures: coverage, verdicts, entropy, tokens, cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.instructions import Verdict


class LabelMetrics:
    """Adds up label rows, and responses, as they pass on their way to a file.

    Shares are in [0, 1]; those weighted by visits count a state as often as it was met, and are null if no state
    was. Entropies are in nats.
    """

    def __init__(self, collected: Mapping[str, int]) -> None:
        """`collected`: how often each state was met, by state_id."""
        self.collected = collected
        self.rows = 0
        self.unmet = 0
        self.labelled_visits = 0
        self.sums = {"residual": 0.0, "entropy": 0.0}
        self.visit_sums = {"residual": 0.0, "entropy": 0.0}
        self.verdicts = {verdict.value: 0.0 for verdict in Verdict}
        self.visit_verdicts = dict(self.verdicts)
        self.answers = {verdict.value: 0 for verdict in Verdict}
        self.responses = {"attempts": 0, "failed_attempts": 0, "tokens_in": 0, "tokens_out": 0}
        self.cost = 0.0

    def rows_seen(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Hands label rows on and adds them up."""
        for row in rows:
            self._add(row)
            yield row

    def _add(self, row: Mapping[str, Any]) -> None:
        visits = row["state_count"]
        self.rows += 1
        self.unmet += row["state_id"] not in self.collected
        self.labelled_visits += visits
        for name, value in (("residual", row["residual_mass"]), ("entropy", row["entropy"])):
            self.sums[name] += value
            self.visit_sums[name] += visits * value
        for entry in row["verdicts"] or ():
            self.verdicts[entry["verdict"]] += entry["prob"]
            self.visit_verdicts[entry["verdict"]] += visits * entry["prob"]
            self.answers[entry["verdict"]] += entry["count"] or 0

    def responses_seen(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Hands response rows on and adds them up."""
        for row in rows:
            self.responses["attempts"] += 1
            self.responses["failed_attempts"] += row["error"] is not None
            self.responses["tokens_in"] += row["tokens_in"] or 0
            self.responses["tokens_out"] += row["tokens_out"] or 0
            self.cost += row["cost"] or 0.0
            yield row

    def result(self) -> dict[str, Any]:
        """All figures, rounded to six digits, as `metrics.json` holds them."""
        states, visits = len(self.collected), sum(self.collected.values())
        met = self.rows - self.unmet

        def per_visit(value: float) -> float | None:
            return round(value / self.labelled_visits, 6) if self.labelled_visits else None

        def per_row(value: float) -> float | None:
            return round(value / self.rows, 6) if self.rows else None

        return {
            "states": states,
            "labelled": met,
            "unlabelled": states - met,
            "unmet": self.unmet,
            "coverage_states": round(met / states, 6) if states else None,
            "coverage_visits": round(self.labelled_visits / visits, 6) if visits else None,
            "residual_mass": per_row(self.sums["residual"]),
            "residual_mass_visits": per_visit(self.visit_sums["residual"]),
            "entropy": per_row(self.sums["entropy"]),
            "entropy_visits": per_visit(self.visit_sums["entropy"]),
            "verdicts": {name: per_row(value) for name, value in self.verdicts.items()},
            "verdicts_visits": {name: per_visit(value) for name, value in self.visit_verdicts.items()},
            "answers": self.answers,
            **self.responses,
            "cost": round(self.cost, 6),
        }
