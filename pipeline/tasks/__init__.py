"""What is learned: one folder per suite of tasks; `base.py` holds the interface and the registry.

Nothing is imported here, so that the stages that need no simulator don't load one.
"""
