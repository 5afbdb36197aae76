"""LLM4Teach: teach small reinforcement-learning agents from a large language model, offline first."""

__version__ = "0.1.0"
