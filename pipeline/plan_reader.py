"""Reading a plan as a model wrote it, and judging it for a state."""

from __future__ import annotations

import re
from functools import lru_cache

from pipeline.instructions import Description, Grammar, Option, Plan, Reading, Verdict

PARSER_VERSION = 2
"""Goes up by one with every change of what `read_plan` makes of an answer."""

_SEPARATORS = re.compile(r"\s*(?:,\s*and\s+then\b|,\s*then\b|,\s*and\b|\band\s+then\b|[,;\n]|->|\bthen\b)\s*")
_NUMBERING = re.compile(r"^(?:step\s*\d+\s*[.):]|\d+[.)]|[-*•])\s*", re.IGNORECASE)
_REMARKS = re.compile(r"(<[^<>]*>)|\s*\([^()]*\)")
_TOOL = re.compile(r"\s+(?:with|using)\s+.*$")
_ARTICLES = re.compile(r"^(?:the|a|an)\s+")


@lru_cache(maxsize=4096)  # draws for one state say the same few things over and over
def read_plan(text: str, grammar: Grammar, description: Description) -> Reading:
    """Read a plan as a model wrote it and judge it for a state.

    Forgiven (verdict `REPAIRED`): case, missing angle brackets, articles, aliases of an option, braces around the
    whole, numbering (also `Step 1:`), remarks in parentheses, a bare `and` between options, a final full stop, and the
    tool in `open <door> with <key>`. Surplus blanks are no fault.
    A plan is executable here if its first option is: its object must be in sight or in the hand.
    """
    body = " ".join(text.replace("\n", ", ").split()).strip()
    bare = _REMARKS.sub(r"\1", body).strip("{}. ")
    repaired = bare != body
    body = bare
    if not body:
        return Reading(None, Verdict.UNPARSEABLE, "empty answer")
    if len(body) > 1000:
        return Reading(None, Verdict.UNPARSEABLE, "longer than 1000 characters")
    options: list[Option] = []
    for joined in filter(None, _SEPARATORS.split(body)):
        parts = grammar.bare_and.split(joined)
        repaired |= len(parts) > 1
        for part in parts:
            option, mended, problem = _read_option(part, grammar)
            if problem:
                return problem
            assert option is not None
            options.append(option)
            repaired |= mended
    if not options:
        return Reading(None, Verdict.UNPARSEABLE, "no option in the answer")
    why = _why_not_executable(options[0], grammar, description)
    if why:
        return Reading(None, Verdict.NOT_EXECUTABLE, why)
    return Reading(Plan(tuple(options)), Verdict.REPAIRED if repaired else Verdict.VALID)


def _read_option(part: str, grammar: Grammar) -> tuple[Option | None, bool, Reading | None]:
    """One option out of one part of a plan: the option, whether it had to be mended, or what is wrong with it."""
    words = _NUMBERING.sub("", part).lower()
    mended = words != part
    for pattern, spec, alias in grammar.wordings:
        match = pattern.match(words)
        if not match:
            continue
        mended |= alias
        rest = match.group(1)
        if not spec.about:
            if rest:
                return None, False, Reading(None, Verdict.UNKNOWN_OBJECT, f"{spec.name} takes no object: {part!r}")
            return Option(spec.name), mended, None
        without_tool = _TOOL.sub("", rest)
        mended |= without_tool != rest
        thing = without_tool
        for _ in range(2):  # `the <key>` as well as `<the key>`
            thing = _ARTICLES.sub("", thing.strip("<>[]\"'` "))
        mended |= without_tool != f"<{thing}>"
        if thing not in grammar.objects or not thing.endswith(spec.about):
            return None, False, Reading(None, Verdict.UNKNOWN_OBJECT, f"{spec.name} what? {part!r}")
        return Option(spec.name, (thing,)), mended, None
    return None, False, Reading(None, Verdict.UNKNOWN_OPTION, f"no such option: {part!r}")


def _why_not_executable(option: Option, grammar: Grammar, description: Description) -> str:
    """Why the option can't be started in a state so described; empty if it can."""
    spec = grammar.spec(option.name)
    if spec is None or not option.args:
        return ""
    if spec.held:
        return "" if description.holds == option.args[0] else f"{option.args[0]} is not held"
    known = option.args[0] in description.sees or option.args[0] == description.holds
    return "" if known else f"{option.args[0]} has not been seen"
