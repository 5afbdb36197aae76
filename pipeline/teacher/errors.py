"""What can go wrong with a teacher, as errors for people: each has the exit code of the command that meets it."""

from __future__ import annotations


class TeacherError(ValueError):
    """A setting or an input that can't be used; the message says which, and what is allowed."""

    exit_code = 2


class LabellingStopped(TeacherError):
    """Labelling ended before the table was complete. Every answer so far is kept, and the same command goes on.

    then  what the same command does then, as words before it; None where it would only end in the same way again
    """

    exit_code = 1

    def __init__(self, message: str, then: str | None = "resume with") -> None:
        super().__init__(message)
        self.then = then

    def naming(self, command: str) -> LabellingStopped:
        """The same, with the command that goes on at the message's end."""
        return type(self)(f"{self}\n{self.then}: {command}" if self.then else str(self), self.then)


class Interrupted(LabellingStopped):
    """Ctrl-C. Every answer so far is kept, and the same command goes on."""

    exit_code = 130
