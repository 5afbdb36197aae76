"""Command groups that say a user's mistakes in plain words: an exit code and a line or two, no traceback.

2    something the user can mend: a setting, an input file, a name (or the exit code that the error carries)
1    the machine said no: a folder that can't be written, a full disk
130  Ctrl-C
"""

from __future__ import annotations

import errno
import io
import sys
from typing import Any

import typer

from pipeline.terminal import printable

USAGE, MACHINE, INTERRUPTED = 2, 1, 130
OURS = ("pipeline", "stages")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class PlainGroup(typer.core.TyperGroup):
    """Turns errors of this project's own, errors of the operating system and Ctrl-C into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal without a box-drawing letter shows `?` for it
                stream.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _end("stopped", INTERRUPTED) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read the output has gone; click ends quietly then
                raise
            if error.errno is None:  # raised by this project, with a message of its own
                raise _end(str(error), USAGE) from None
            file = error.filename2 or error.filename  # of a copy, what was to be written
            place = f"{file}: " if file else ""
            advice = "; make room, and the same command goes on from here" if error.errno in NO_ROOM else ""
            raise _end(f"{place}{error.strerror}{advice}", MACHINE) from None
        except Exception as error:
            if type(error).__module__.split(".")[0] not in OURS:
                raise
            raise _end(str(error), getattr(error, "exit_code", USAGE)) from None


def _end(message: str, code: int) -> typer.Exit:
    for line in message.splitlines():
        print(f"llm4teach: {printable(line, 10_000)}", file=sys.stderr)
    return typer.Exit(code)
