"""What can go wrong with a teacher, as errors for people: each has the exit code of the command that meets it."""

from __future__ import annotations

INTERRUPTED = 130
"""The exit code of a labelling that Ctrl-C has ended."""


class TeacherError(ValueError):
    """A setting or an input that can't be used; the message says which, and what is allowed."""

    exit_code = 2


class LabellingStopped(TeacherError):
    """Labelling ended before the table was complete. Every answer so far is kept, and the same command goes on.

    then       what the same command does then, as words before it; None where it would only end in the same way again
    exit_code  1, or INTERRUPTED
    """

    def __init__(self, message: str, then: str | None = "resume with", exit_code: int = 1) -> None:
        super().__init__(message)
        self.then, self.exit_code = then, exit_code

    def naming(self, command: str) -> LabellingStopped:
        """The same, with the command that goes on at the message's end."""
        message = f"{self}\n{self.then}: {command}" if self.then else str(self)
        return LabellingStopped(message, self.then, self.exit_code)
