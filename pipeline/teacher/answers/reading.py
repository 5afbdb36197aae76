"""Finding the decision in what a model wrote, and judging it."""

from __future__ import annotations

import re

from pipeline.instructions import Description, Grammar, Reading, Verdict
from pipeline.json_file import JsonError, parse_json
from pipeline.plan_reader import read_plan
from pipeline.teacher.asking.calls import CUT
from pipeline.teacher.prompts.prompt import Prompt

_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(r"decisions?[\s*_]*[:：][\s*_]*")
_OTHER_LABEL = re.compile(r"^[ \t#>*_]*(?:final\s+)?(?:plan|answer|action)s?\b[\s*_]*[:：][\s*_]*", re.I | re.M)
_BRACES = re.compile(r"\{([^{}]*)\}")
_NEXT_HEADING = re.compile(r"\n\s*\n|\n[ \t#>*_]*[A-Z][\w ]{2,20}:")


def find_decision(text: str) -> tuple[str, bool]:
    """The decision in a chain-of-thought answer, and whether it stood where it was asked for.

    Looks for the last `Decision:` (any decoration), then for the last line labelled plan, answer or action, then for a
    JSON object with such a key, then for the last braces, then takes the last line.
    """
    body = (_THOUGHTS.sub("", text) if "<" in text else text).strip()
    start = _after_last_label(body)
    if start is not None:
        return _decision_at(body, start), True
    others = list(_OTHER_LABEL.finditer(body))
    if others:
        return _decision_at(body, others[-1].end()), False
    decision_in_json = _from_json(body)
    if decision_in_json is not None:
        return decision_in_json, False
    in_braces = _BRACES.findall(body)
    if in_braces:
        return in_braces[-1].strip(), False
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    return (lines[-1].strip("`\"'* ") if lines else ""), False


def _after_last_label(body: str) -> int | None:
    """Where the text after the last `Decision:` begins; None if there is none."""
    lower = body.lower()
    place = lower.rfind("decision")
    while place >= 0:
        match = _LABEL.match(lower, place)
        if match:
            return match.end()
        place = lower.rfind("decision", 0, place)
    return None


def _decision_at(body: str, start: int) -> str:
    """The decision that begins there: what is in braces, or else up to an empty line or another heading."""
    rest = body[start:]
    braces = _BRACES.match(rest.lstrip("`\"' \n"))
    decision = braces.group() if braces else _NEXT_HEADING.split(rest.strip(), maxsplit=1)[0]
    return decision.strip("`\"'* \n")


def _from_json(body: str) -> str | None:
    """The decision of an answer that is a JSON object, maybe in a code fence; None if it is no such thing."""
    start, end = body.find("{"), body.rfind("}")
    try:
        content = parse_json(body[start : end + 1]) if 0 <= start < end else None
    except JsonError:
        return None
    if not isinstance(content, dict):
        return None
    for key, value in content.items():
        if str(key).lower() in ("decision", "plan", "answer", "action"):
            return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return None


def read_answer(text: str, prompt: Prompt, grammar: Grammar, description: Description) -> tuple[str, Reading]:
    """The decision in a model's answer, in the words of descriptions, and how it was judged.

    A decision that did not stand where it was asked for counts as repaired. An answer that was cut off counts only if
    its decision was over by then, which its braces tell.
    """
    found, in_place = find_decision(text.removesuffix(CUT))
    if text.endswith(CUT) and not found.endswith("}"):
        return prompt.read_back(found), Reading(None, Verdict.UNPARSEABLE, "cut off at max_tokens")
    if in_place and found.startswith("{") and found.endswith("}"):
        found = found[1:-1]  # the braces are what the prompt asks for, and no fault
    decision = prompt.read_back(found)
    reading = read_plan(decision, grammar, description)
    if reading.verdict is Verdict.VALID and not in_place:
        reading = Reading(reading.plan, Verdict.REPAIRED, "the decision was not labelled")
    return decision, reading
