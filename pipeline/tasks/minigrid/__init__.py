"""Any stock MiniGrid or BabyAI level as a task: its layouts from its own generator, its dynamics compiled.

`levels.py` says which levels are covered, `layouts.py` reads one from a stock environment, `pool.py` keeps them,
`dynamics.py`, `vision.py` and `missions.py` are the rules of the installed package in compiled code.
"""
