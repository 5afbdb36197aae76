"""Small changes of a program that its tests should notice: one comparison, number, argument or statement at a time.

Left out is what tests are not meant to pin: wording (texts, error messages), annotations, decorators, numbers in
functions that draw on matplotlib's axes, and changes that end in a TypeError whatever the tests (`path / "name"` to
`path * "name"`).
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
METHODS = {
    "minimum": "maximum", "maximum": "minimum", "argmin": "argmax", "argmax": "argmin", "min": "max", "max": "min",
    "sum": "mean", "mean": "sum", "median": "mean", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor",
    "exp": "log", "zeros": "ones", "ones": "zeros", "append": "extend", "std": "var", "isfinite": "isnan",
}  # fmt: skip
SYMMETRIC = {"min", "max", "minimum", "maximum", "isinstance", "issubclass", "isclose", "array_equal", "Union"}
OPTIONAL = {"axis", "keepdims", "key", "reverse", "default", "start", "ddof", "minlength", "side", "missing_ok"}
"""Arguments of other libraries that may be left away."""
DRAWN_ON = {"Axes", "Figure"}
WIDE = 100


@dataclass(frozen=True)
class Mutation:
    """One change of one source file.

    path       of the file, from the repository's root
    line       where the change is, from 1
    statement  first line of the statement that holds it, or of the compiled function, whose lines no tracer sees
    start, end the bytes of the file that `after` stands for
    """

    path: str
    line: int
    statement: int
    start: int
    end: int
    before: str
    after: str

    def apply(self, source: str) -> str:
        """The changed source."""
        content = source.encode()
        return (content[: self.start] + self.after.encode() + content[self.end :]).decode()

    def __str__(self) -> str:
        before, after = " ".join(self.before.split()), " ".join(self.after.split())
        if len(before) > WIDE:  # only where they differ, with some of what is around
            same = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
            before, after = (f"...{one[max(0, same - 30) : same + 60]}..." for one in (before, after))
        return f"{self.path}:{self.line}: {before}  =>  {after}"


def optional_arguments(sources: Iterable[str]) -> dict[str, set[str]]:
    """By name of a function or class of these sources, its arguments that have a default."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments, given = node.args.posonlyargs + node.args.args, node.args.defaults
                found[node.name] |= {one.arg for one in arguments[len(arguments) - len(given) :]}
                pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                found[node.name] |= {one.arg for one, default in pairs if default is not None}
            elif isinstance(node, ast.ClassDef):
                fields = [one for one in node.body if isinstance(one, ast.AnnAssign) and one.value is not None]
                found[node.name] |= {one.target.id for one in fields if isinstance(one.target, ast.Name)}
    return found


def find(path: str, source: str, optional: Mapping[str, set[str]]) -> list[list[Mutation]]:
    """Every place of a source that can be changed, with the ways to change it."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    places = []
    for node, statement in _nodes(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = ast.unparse(node)
        changes = dict.fromkeys(after for after in _changes(node, optional) if after != before)
        one = [Mutation(path, node.lineno, statement, start, end, before, after) for after in changes]
        if one:
            places.append(one)
    return places


def _nodes(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, int]]:
    """What may be changed, each with the line by which a tracer knows it."""

    def visit(node: ast.AST, statement: int, draws: bool, compiled: bool) -> Iterator[tuple[ast.expr | ast.stmt, int]]:
        if isinstance(node, ast.JoinedStr | ast.Raise | ast.Assert | ast.Import | ast.ImportFrom):
            return
        if isinstance(node, ast.stmt) and not compiled:
            statement = node.lineno
        if isinstance(node, ast.FunctionDef):
            compiled |= any(isinstance(one, ast.Name) and one.id.startswith("compiled") for one in node.decorator_list)
            draws |= any(getattr(one.annotation, "id", None) in DRAWN_ON for one in node.args.args)
        if isinstance(node, ast.expr | ast.stmt) and not (draws and isinstance(node, ast.Constant)):
            yield node, statement
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list", "slice" if _is_type(node) else ""):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from visit(child, statement, draws, compiled)

    yield from visit(tree, 0, False, False)


def _is_type(node: ast.AST) -> bool:
    """Whether a subscript is a type, as in `dict[str, int]`."""
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in (
        "dict", "list", "tuple", "set", "Callable", "Mapping", "Sequence", "Literal", "Iterator"
    )  # fmt: skip


def _changes(node: ast.expr | ast.stmt, optional: Mapping[str, set[str]]) -> Iterator[str]:
    """What may stand in the place of an expression or statement; expressions in parentheses."""
    if isinstance(node, ast.stmt):
        yield from _statements(node)
        return
    for other in _expressions(node, optional):
        text = ast.unparse(ast.fix_missing_locations(other))
        yield text if isinstance(other, ast.Name | ast.Constant | ast.Call | ast.Attribute) else f"({text})"


def _statements(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Continue):
        yield "break"
    elif (
        isinstance(node, ast.Break)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await))
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript))
    ):
        yield "pass"
    elif isinstance(node, ast.AugAssign):
        yield "pass"
        if type(node.op) in OPERATORS and not _is_text(node.value):
            yield f"{ast.unparse(node.target)} {_symbol(OPERATORS[type(node.op)])}= {ast.unparse(node.value)}"


def _symbol(operator: type[ast.operator]) -> str:
    return ast.unparse(ast.BinOp(ast.Name("a"), operator(), ast.Name("b"))).split()[1]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.ListComp) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _expressions(node: ast.expr, optional: Mapping[str, set[str]]) -> Iterator[ast.expr]:
    yes, no = ast.Constant(True), ast.Constant(False)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in COMPARISONS[type(node.ops[0])]:
            yield ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not _is_text(node.left) | _is_text(node.right):
        yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for left_out in range(len(node.values)):
            yield ast.BoolOp(node.op, [one for number, one in enumerate(node.values) if number != left_out])
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) and node.generators[0].ifs:
        first = node.generators[0]
        all_of_them = [ast.comprehension(first.target, first.iter, [], first.is_async), *node.generators[1:]]
        parts = {name: value for name, value in ast.iter_fields(node) if name != "generators"}
        yield type(node)(**parts, generators=all_of_them)
    elif isinstance(node, ast.Constant):
        yield from map(ast.Constant, _values(node.value))
    elif isinstance(node, ast.Call):
        yield from _calls(node, optional)
    if isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        yield from (yes, no)


def _values(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1] if value else [1]
    if isinstance(value, float):
        return [value * 2, value / 2] if value else [1.0]
    return []


def _calls(node: ast.Call, optional: Mapping[str, set[str]]) -> Iterator[ast.expr]:
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if isinstance(node.func, ast.Name) and name in FUNCTIONS:
        yield ast.Call(ast.Name(FUNCTIONS[name]), node.args, node.keywords)
    if isinstance(node.func, ast.Attribute) and name in METHODS:
        yield ast.Call(ast.Attribute(node.func.value, METHODS[name]), node.args, node.keywords)
    for keyword in node.keywords:
        if keyword.arg in OPTIONAL | optional.get(name, set()):
            yield ast.Call(node.func, node.args, [one for one in node.keywords if one is not keyword])
    kinds = {type(one) for one in node.args[:2]}
    if len(node.args) > 1 and kinds < {ast.Name, ast.Attribute} and name not in SYMMETRIC:
        yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
