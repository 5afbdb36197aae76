"""What can be wrong with a task, a file for each side of it; `check.py` asks them all."""
