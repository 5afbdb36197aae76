"""Ways to damage a label set, or to lie with one: what verification must refuse.

A damage takes a packed set (SimpleDoorKey, all four tables) and a random generator, changes the folder, and returns a
few words. Those named in SEALED make card, croissant.json and checksums fit again, as one who means harm would.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.label_sets.checksums import sha256, write_sums
from pipeline.tables import SCHEMA_VERSION, label_id

TASK = "SimpleDoorKey"
ESCAPE = "\x1b[31mred\x1b[0m"
Damage = Callable[[Path, np.random.Generator], str]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def pick(items: list[Any], rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]


def any_file(folder: Path, rng: np.random.Generator) -> Path:
    found: Path = pick(files(folder), rng)
    return found


def table_path(folder: Path, name: str) -> Path:
    return folder / TASK / f"{name}.parquet"


def seal(folder: Path) -> None:
    """Make croissant.json and SHA256SUMS fit what the folder now holds."""
    names = [str(path.relative_to(folder)) for path in files(folder)]
    path = folder / "croissant.json"
    try:
        content = json.loads(path.read_text())
        for one in content["distribution"]:
            one["sha256"] = sha256(folder / one["contentUrl"])
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        pass  # it is what was damaged
    write_sums(folder, names)


# What happens on the way: disks, networks, careless hands.


def flip_bits(folder: Path, rng: np.random.Generator) -> str:
    path = any_file(folder, rng)
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=int(rng.integers(1, 9))):
        content[place] ^= 1 << int(rng.integers(8))
    if bytes(content) == path.read_bytes():
        content[0] ^= 1
    path.write_bytes(content)
    return f"bits of {path.name} flipped"


def cut(folder: Path, rng: np.random.Generator) -> str:
    path = any_file(folder, rng)
    content = path.read_bytes()
    path.write_bytes(content[: int(rng.integers(len(content)))])
    return f"{path.name} cut"


def swap(folder: Path, rng: np.random.Generator) -> str:
    one, two = rng.permutation(len(files(folder)))[:2]
    first, second = files(folder)[one], files(folder)[two]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    return f"{first.name} and {second.name} swapped"


def rename(folder: Path, rng: np.random.Generator) -> str:
    path = any_file(folder, rng)
    path.rename(path.with_name(pick(["other.parquet", "labels.bak", "x", "README.txt"], rng)))
    return f"{path.name} renamed"


def remove(folder: Path, rng: np.random.Generator) -> str:
    path = any_file(folder, rng)
    path.unlink()
    return f"{path.name} removed"


def add(folder: Path, rng: np.random.Generator) -> str:
    name = pick(["load.py", "index.html", "note.txt", "a.svg", ".hidden", f"{TASK}/more.parquet", "x.so"], rng)
    (folder / name).write_text("print('here')")
    return f"{name} added"


def odd_name(folder: Path, rng: np.random.Generator) -> str:
    name = pick([ESCAPE, "a\nb.txt", "<img src=x>.md", "a b.txt", "‮cod.md", "-rf", "a" * 200 + ".md", "ü.md"], rng)
    (folder / name).write_text("x")
    return f"a file named {name!r}"


def link(folder: Path, rng: np.random.Generator) -> str:
    path = any_file(folder, rng)
    target = pick([Path("/etc/passwd"), Path("../../elsewhere"), Path(path.name + ".moved")], rng)
    path.rename(path.with_name(path.name + ".moved"))
    path.symlink_to(target)
    return f"{path.name} is a link to {target}"


def linked_folder(folder: Path, _: np.random.Generator) -> str:
    (folder / "Elsewhere").symlink_to(folder.parent)
    return "a link to the folder above"


def pipe(folder: Path, rng: np.random.Generator) -> str:
    path = any_file(folder, rng)
    path.unlink()
    os.mkfifo(path)
    return f"{path.name} is a pipe that nobody writes to"


def deep(folder: Path, _: np.random.Generator) -> str:
    (folder / TASK / "a" / "b").mkdir(parents=True)
    return "folders within folders"


def many(folder: Path, _: np.random.Generator) -> str:
    for number in range(1001):
        (folder / f"{number}.txt").touch()
    return "a thousand files"


def odd_sums(folder: Path, rng: np.random.Generator) -> str:
    path = folder / "SHA256SUMS"
    lines = path.read_text().splitlines()
    zero = "0" * 64
    line = pick(
        [f"{zero}  ../../etc/passwd", f"{zero}  /etc/passwd", lines[0], "nonsense", f"{zero}  {ESCAPE}", "",
         f"{zero}  a/../README.md", f"{zero[1:]}g  README.md", f"{zero}  nowhere.txt", "\x00" * 50], rng
    )  # fmt: skip
    path.write_text("\n".join([*lines, line, ""]))
    return f"SHA256SUMS has the line {line[:70]!r}"


# What one does who means harm, or has a broken tool: the checksums fit.


def rewrite(folder: Path, name: str, table: pa.Table) -> None:
    metadata = {
        "schema_version": str(SCHEMA_VERSION),
        **{k.decode(): v.decode() for k, v in _own(folder, name).items()},
    }
    pq.write_table(table.replace_schema_metadata(metadata), table_path(folder, name), compression="zstd")


def _own(folder: Path, name: str) -> dict[bytes, bytes]:
    metadata = pq.read_schema(table_path(folder, name)).metadata or {}
    return {key: value for key, value in metadata.items() if key != b"ARROW:schema"}


def any_table(folder: Path, rng: np.random.Generator) -> tuple[str, pa.Table]:
    name = pick(["labels", "responses", "prompts", "states"], rng)
    return name, pq.read_table(table_path(folder, name))


def drop_column(folder: Path, rng: np.random.Generator) -> str:
    name, table = any_table(folder, rng)
    column = pick(table.column_names, rng)
    rewrite(folder, name, table.drop_columns([column]))
    return f"{name} without {column}"


def retype_column(folder: Path, rng: np.random.Generator) -> str:
    name, table = any_table(folder, rng)
    number = int(rng.integers(table.num_columns))
    other = pa.array([b"x"] * table.num_rows) if rng.random() < 0.5 else pa.array([1.5] * table.num_rows)
    if table.schema.field(number).type == other.type:
        other = other.cast(pa.string())
    rewrite(folder, name, table.set_column(number, table.column_names[number], other))
    return f"{name}.{table.column_names[number]} of another type"


def add_column(folder: Path, rng: np.random.Generator) -> str:
    name, table = any_table(folder, rng)
    rewrite(folder, name, table.append_column(ESCAPE, pa.array(["x"] * table.num_rows)))
    return f"{name} with a column of an odd name"


def double_rows(folder: Path, rng: np.random.Generator) -> str:
    name, table = any_table(folder, rng)
    number = int(rng.integers(table.num_rows))
    rewrite(folder, name, pa.concat_tables([table, table.slice(number, 1)]))
    return f"row {number} of {name} is there twice"


def lose_rows(folder: Path, rng: np.random.Generator) -> str:
    name = pick(["responses", "prompts"], rng)
    table = pq.read_table(table_path(folder, name))
    number = int(rng.integers(table.num_rows))
    rewrite(folder, name, pa.concat_tables([table.slice(0, number), table.slice(number + 1)]))
    return f"row {number} of {name} is lost"


def version(folder: Path, rng: np.random.Generator) -> str:
    name, table = any_table(folder, rng)
    said = pick(["99", "-1", "one", "", ESCAPE], rng)
    metadata = {**(table.schema.metadata or {}), b"schema_version": said.encode()}
    pq.write_table(table.replace_schema_metadata(metadata), table_path(folder, name))
    return f"{name} of schema version {said!r}"


def change_rows(folder: Path, name: str, change: Callable[[list[dict[str, Any]]], None], again: bool = True) -> None:
    """Change a table's rows; `again`: with label ids that fit."""
    schema = pq.read_schema(table_path(folder, name)).remove_metadata()
    rows = pq.read_table(table_path(folder, name)).to_pylist()
    change(rows)
    if name == "labels" and again:
        rows = [{**row, "label_id": label_id(row)} for row in rows]
    rewrite(folder, name, pa.Table.from_pylist(rows, schema))


def odd_number(folder: Path, rng: np.random.Generator) -> str:
    column, value = pick(
        [("residual_mass", 0.5), ("residual_mass", -0.25), ("residual_mass", float("nan")), ("residual_mass", None),
         ("entropy", 9.0), ("entropy", float("inf")), ("state_count", -1), ("state_count", None), ("n_valid", 99),
         ("n_requested", 5), ("n_invalid", -1), ("n_error", 3), ("n_error", -1), ("parser_version", None)], rng
    )  # fmt: skip

    def change(rows: list[dict[str, Any]]) -> None:
        pick(rows, rng)[column] = value

    change_rows(folder, "labels", change)
    return f"a label's {column} is {value}"


def odd_plan(folder: Path, rng: np.random.Generator) -> str:
    what = int(rng.integers(6))

    def change(rows: list[dict[str, Any]]) -> None:
        plan = pick([row for row in rows if row["plans"]], rng)["plans"][0]
        if what == 0:
            plan["prob"] = plan["prob"] / 2
        elif what == 1:
            plan["options"] = [{"name": "teleport", "args": ["key"]}]
        elif what == 2:
            plan["options"] = [{"name": "go to", "args": ["dragon"]}]
        elif what == 3:
            plan["plan_id"] = "0" * 64
        elif what == 4:
            plan["options"] = None
        else:
            plan["options"] = [{"name": "explore", "args": [ESCAPE]}]

    change_rows(folder, "labels", change)
    return f"a plan that can't be (kind {what})"


def other_label(folder: Path, rng: np.random.Generator) -> str:
    """A label that agrees with itself in everything, and not with the answers."""

    def change(rows: list[dict[str, Any]]) -> None:
        row = pick(rows, rng)
        others = [one for one in rows if one["plans"] != row["plans"]]
        other = pick(others, rng)
        for column in ("plans", "residual_mass", "entropy", "verdicts", "n_valid", "n_invalid", "n_requested"):
            row[column] = other[column]

    change_rows(folder, "labels", change)
    return "a label has the plans of another"


def stale_id(folder: Path, rng: np.random.Generator) -> str:
    column, value = pick(
        [("provider", "someone"), ("model_requested", "better"), ("task", "Other"), ("label_id", "0" * 64)], rng
    )

    def change(rows: list[dict[str, Any]]) -> None:
        pick(rows, rng)[column] = value

    change_rows(folder, "labels", change, again=False)
    return f"a label's {column} was changed, its id was not"


def odd_name_in_labels(folder: Path, rng: np.random.Generator) -> str:
    column = pick(
        ["provider", "model_requested", "model_returned", "system_fingerprint", "task", "holds", "state_text"], rng
    )
    value = pick([ESCAPE, "<script>alert(1)</script>", "a\u202eb", "x" * 5000, "a\nb"], rng)

    def change(rows: list[dict[str, Any]]) -> None:
        pick(rows, rng)[column] = value

    change_rows(folder, "labels", change)
    return f"a label's {column} is {value[:30]!r}"


def odd_json(folder: Path, rng: np.random.Generator) -> str:
    column = pick(["params_requested", "params_effective"], rng)
    value = pick(["[" * 100_000, "{", "[]", "", None, "1e999"], rng)

    def change(rows: list[dict[str, Any]]) -> None:
        pick(rows, rng)[column] = value

    change_rows(folder, "labels", change)
    return f"a label's {column} is no JSON object"


def odd_response(folder: Path, rng: np.random.Generator) -> str:
    column, value = pick(
        [("text", "Decision: {open <door>, explore, explore}"), ("text", None), ("request_key", "abc"),
         ("state_id", "0" * 64),
         ("sample_index", -1), ("attempt", 0), ("sample_index", None), ("task", "Other"), ("tokens_in", -5),
         ("cost", float("nan")),
         ("cost", float("inf")), ("model_returned", ESCAPE), ("model_returned", "another"), ("response_id", "another"),
         ("source", "nowhere"), ("error", "it failed"), ("base_url", "<script>"), ("text", "{" * 300_000),
         ("latency_s", -1.0),
         ("request_key", "0" * 64)], rng
    )  # fmt: skip

    def change(rows: list[dict[str, Any]]) -> None:
        pick([row for row in rows if row["error"] is None], rng)[column] = value

    change_rows(folder, "responses", change)
    return f"a response's {column} is {str(value)[:30]!r}"


def odd_state(folder: Path, rng: np.random.Generator) -> str:
    column, value = pick(
        [("state_id", "0" * 64), ("state_count", 999), ("sees", ["<b>key</b>"]), ("holds", ESCAPE), ("task", "Other"),
         ("examples", [{"key": "map", "dtype": "object", "shape": [1], "values": b"12345678"}]),
         ("examples", [{"key": "map", "dtype": "uint8", "shape": [2**31 - 1, 2**31 - 1], "values": b"1"}]),
         ("examples", [{"key": ESCAPE, "dtype": "uint8", "shape": [1], "values": b"1"}]), ("counts", [None]),
         ("counts", None)], rng
    )  # fmt: skip

    def change(rows: list[dict[str, Any]]) -> None:
        pick(rows, rng)[column] = value

    change_rows(folder, "states", change)
    return f"a state's {column} is {str(value)[:40]!r}"


def odd_prompt(folder: Path, rng: np.random.Generator) -> str:
    column, value = pick(
        [("system", "Do as I say."), ("examples", "[" * 100_000), ("prompt_sha256", "0" * 64), ("template", None)], rng
    )

    def change(rows: list[dict[str, Any]]) -> None:
        rows[0][column] = value

    change_rows(folder, "prompts", change)
    return f"the prompt's {column} is {str(value)[:30]!r}"


def bomb(folder: Path, rng: np.random.Generator) -> str:
    """A small file that unpacks to 350 MB in one value, or to 700 MB."""
    name = pick(["responses", "labels"], rng)
    column = "raw" if name == "responses" else "state_text"
    table = pq.read_table(table_path(folder, name))
    values = pa.array(["0" * 350_000_000] * int(rng.integers(1, 3)) + [""] * table.num_rows)[: table.num_rows]
    rewrite(folder, name, table.set_column(table.column_names.index(column), column, values))
    return f"{name}.{column} unpacks to hundreds of megabytes"


def bits_of_a_table(folder: Path, rng: np.random.Generator) -> str:
    name = pick(["labels", "responses", "prompts", "states"], rng)
    path = table_path(folder, name)
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=int(rng.integers(1, 30))):
        content[place] = int(rng.integers(256))
    path.write_bytes(content)
    return f"bytes of {name} changed"


def footer(folder: Path, rng: np.random.Generator) -> str:
    """Bytes of the part that declares how many rows and bytes there are."""
    name = pick(["labels", "responses", "prompts", "states"], rng)
    path = table_path(folder, name)
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[-8:-4], "little")
    for place in rng.integers(len(content) - 8 - length, len(content) - 4, size=int(rng.integers(1, 12))):
        content[place] = int(rng.choice([0xFF, 0x7F, 0x80, 0x00, int(rng.integers(256))]))
    path.write_bytes(content)
    return f"bytes of the footer of {name} changed"


def giant_counts(folder: Path, rng: np.random.Generator) -> str:
    """A footer that declares a billion rows of nothing."""
    name, table = any_table(folder, rng)
    count = int(rng.choice([10**9, 2**62, 2**31]))
    path = table_path(folder, name)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    body, end = content[: -8 - length], content[-8 - length : -8]
    old, new = _field(6, table.num_rows), _field(6, count)
    place = end.find(old)
    end = end[:place] + new + end[place + len(old) :] if place >= 0 else end[::-1]
    path.write_bytes(body + end + len(end).to_bytes(4, "little") + b"PAR1")
    return f"{name} declares {count} rows"


def _field(kind: int, value: int) -> bytes:
    """A 64-bit number after a field header of Thrift's compact protocol (delta 1)."""
    zigzag, written = value << 1, bytearray([0x10 | kind])
    while zigzag > 0x7F:
        written.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*written, zigzag])


def odd_card(folder: Path, rng: np.random.Generator) -> str:
    path = folder / "README.md"
    card = path.read_text()
    bombs = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
    kinds: list[tuple[str, str]] = [
        ("a script", card + "\n<script>alert(1)</script>\n"),
        ("an image", card + '\n<img src=x onerror="alert(1)">\n'),
        ("a link that runs", card + "\n[see](javascript:alert(1))\n"),
        ("a reference that runs", card + "\n[see]: javascript:alert(1)\n"),
        ("escapes", card + f"\n{ESCAPE}\n"),
        ("writing turned around", card + "\n\u202eabc\n"),
        ("other figures", card.replace("| `SimpleDoorKey` | 5 |", "| `SimpleDoorKey` | 50000 |")),
        (
            "data elsewhere",
            card.replace(f"data_files: {TASK}/labels.parquet", "data_files: https://example.org/x.parquet"),
        ),
        ("data above", card.replace(f"data_files: {TASK}/labels.parquet", "data_files: ../../x.parquet")),
        ("references in YAML", card.replace("---\n", f"---\n{bombs}", 1)),
        ("an object in YAML", card.replace("---\n", "---\nx: !!python/object/apply:os.system [id]\n", 1)),
        ("no front matter", card.split("---\n", 2)[2]),
        ("no end of the front matter", "---\n" + card.replace("---\n", "")),
        ("no generated part", card.replace("<!-- generated", "<!-- made")),
        ("not UTF-8", ""),
    ]
    what, text = pick(kinds, rng)
    path.write_bytes(b"\xff\xfe" + card.encode() if what == "not UTF-8" else text.encode())
    return f"the card has {what}"


def odd_croissant(folder: Path, rng: np.random.Generator) -> str:
    path = folder / "croissant.json"
    content = json.loads(path.read_text())
    what = int(rng.integers(6))
    if what == 0:
        pick(content["distribution"], rng)["contentUrl"] = "https://example.org/x.parquet"
    elif what == 1:
        pick(content["distribution"], rng)["contentUrl"] = "../../x.parquet"
    elif what == 2:
        content["description"] = "<script>alert(1)</script>"
    elif what == 3:
        content["more"] = ESCAPE
    elif what == 4:
        path.write_text("[" * 200_000)
        return "croissant.json is endless"
    else:
        pick(content["recordSet"], rng)["field"] = []
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return f"croissant.json says something else (kind {what})"


ON_THE_WAY: tuple[Damage, ...] = (
    flip_bits, cut, swap, rename, remove, add, odd_name, link, linked_folder, pipe, deep, many, odd_sums,
)  # fmt: skip
SEALED: tuple[Damage, ...] = (
    drop_column, retype_column, add_column, double_rows, lose_rows, version, odd_number, odd_plan, other_label,
    stale_id, odd_name_in_labels, odd_json, odd_response, odd_state, odd_prompt, odd_card, odd_croissant,
    bits_of_a_table, footer, giant_counts, bomb,
)  # fmt: skip
_RARE = {many: 20, bomb: 20, linked_folder: 5, deep: 5}


def damages(seed: int = 0) -> Iterator[tuple[Damage, np.random.Generator]]:
    """Damages without end, all kinds in turn (slow ones more rarely), each with a generator of its own."""
    number = 0
    while True:
        for kind in (*ON_THE_WAY, *SEALED):
            if number % _RARE.get(kind, 1) == 0:
                yield kind, np.random.default_rng([seed, number, (*ON_THE_WAY, *SEALED).index(kind)])
        number += 1


def damage(folder: Path, kind: Damage, rng: np.random.Generator) -> str:
    """Damage a set; returns what was done."""
    what = kind(folder, rng)
    if kind in SEALED:
        seal(folder)
    return what
