"""The provider `batch-file`: requests go out as JSONL files, results come back as JSONL files, nothing is sent.

The first run writes what is missing to `<folder>/requests-*.jsonl` and stops. Any engine that knows the Batch API's
format answers them; its result files, put beside them as any other `*.jsonl`, are read by the next run, which asks
again for what failed or is still missing, and completes the table once nothing is.
"""

from __future__ import annotations

import re

from pipeline.teacher.answers.importer import Importer
from pipeline.teacher.answers.ledger import cache_folder
from pipeline.teacher.asking.batch_lines import missing_lines, read_results, write_files
from pipeline.teacher.asking.estimate import check_batch_budget
from pipeline.teacher.errors import LabellingStopped
from pipeline.teacher.labelling import Labelling, LabelTables

_REQUESTS = re.compile(r"requests-\d+\.jsonl")
"""Names of our own files. Engines like to name theirs after them, such as `requests-1_output.jsonl`."""


def ask(labelling: Labelling) -> LabelTables:
    """Read results, and if any sample is missing, write requests and raise LabellingStopped with what to do."""
    check_batch_budget(labelling)
    task, settings, root = labelling.task, labelling.settings, labelling.root
    folder = root / settings.batch_dir if settings.batch_dir else cache_folder(root) / "batches"
    folder = folder / task.name
    importer = Importer(labelling, "import", "batch-file 1")
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    for path in files:
        if not _REQUESTS.fullmatch(path.name):
            with path.open("rb") as lines:
                importer.take(read_results(lines, str(path)))
    missing = labelling.missing()
    for path in files:
        if _REQUESTS.fullmatch(path.name):
            path.unlink()
    if not missing:
        return labelling.tables()
    written = write_files(missing_lines(labelling), folder, "requests")
    first = written[0][0]
    reasons = "".join(f"\n  failed before: {reason}" for reason in importer.reasons)
    if importer.foreign:
        reasons += f"\n  {importer.foreign} results were of other settings, states or models, and passed over"
    if importer.broken > 1:
        reasons += f"\n  {importer.broken} lines like that could not be read"
    names = ", ".join(f"{path} ({count} requests)" for path, count in written)
    raise LabellingStopped(
        f"{task.name}: {importer.kept} answers read, {missing} are missing and asked for in {names}{reasons}\n"
        f"answer them with any engine that reads this format, such as\n"
        f"  vllm run-batch -i {first} -o {first.with_name(first.name.replace('requests', 'results'))}"
        f" --model {settings.model}",
        then="then read the results with",
    )
