"""What can go wrong with a teacher, as errors for people: each has the exit code of the command that meets it."""

from __future__ import annotations


class TeacherError(ValueError):
    """A setting or an input that can't be used; the message says which, and what is allowed."""

    exit_code = 2


class LabellingStopped(TeacherError):
    """Labelling ended before the table was complete. Every answer so far is kept; the message says how to resume."""

    exit_code = 1


class Interrupted(LabellingStopped):
    """Ctrl-C. Every answer so far is kept; the message says how to resume."""

    exit_code = 130
