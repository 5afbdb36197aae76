"""`llm4teach teacher …`: a replay server that answers from label tables, to try labelling without a key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stages.plain import PlainGroup

app = typer.Typer(cls=PlainGroup, no_args_is_help=True, help="Serve label tables as an LLM endpoint.")


@app.command()
def serve(
    labels: Annotated[list[Path], typer.Option(help="A label table, or a folder of them; may be repeated.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    latency_ms: Annotated[float, typer.Option(min=0, help="Milliseconds before each answer.")] = 0.0,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests at once; more get 429.")] = None,
    rate_limit: Annotated[float | None, typer.Option(min=0.001, help="Requests per second; more get 429.")] = None,
    faults: Annotated[str, typer.Option(help="kind[:probability[:times]],… such as 429:0.1,reset:1:3.")] = "",
    retry_after: Annotated[float, typer.Option(min=0, help="Seconds that 429 and 503 faults ask to wait.")] = 1.0,
    slow: Annotated[float, typer.Option(min=0, help="Seconds that a slow body takes.")] = 5.0,
    seed: Annotated[int, typer.Option(help="Of the draws and the faults.")] = 0,
) -> None:
    """Serve label tables as an OpenAI-compatible endpoint: sampled chain-of-thought answers, and logprobs."""
    from pipeline.teacher.server.app import ServerBehaviour
    from pipeline.teacher.server.faults import parse_faults
    from pipeline.teacher.server.serve import serve as run_server

    behaviour = ServerBehaviour(latency_ms / 1000, concurrency, rate_limit, retry_after, slow, seed)
    try:
        run_server(label_files(labels), behaviour, parse_faults(faults), host, port, lambda url: print(url, flush=True))
    except OSError as error:
        raise typer.BadParameter(f"can't listen on {host}:{port}: {error.strerror}") from None


def label_files(paths: list[Path]) -> list[Path]:
    """The label tables named, or found under the folders named."""
    files = []
    for path in paths:
        found = sorted(path.rglob("labels.parquet")) if path.is_dir() else [path]
        if not found:
            raise typer.BadParameter(f"{path}: no labels.parquet under this folder", param_hint="--labels")
        files += found
    return files


@app.callback()
def teacher() -> None:
    """Keeps `serve` a subcommand while it is the only one."""
