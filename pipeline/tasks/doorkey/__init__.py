"""The four DoorKey tasks on MiniGrid (paper 4.1): find the key, open the door.

`environment.py` is the executable specification, `description.py` and `options.py` are the agent's language and
skills, and `task.py` puts them together for the rest of the pipeline.
"""
