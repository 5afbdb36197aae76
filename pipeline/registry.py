"""Things that are found by name: this project's own, and those that installed packages bring as entry points.

Names are known without importing what they stand for, so that params.yaml is checked and `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any


class Unknown(ValueError):
    """A name that is not registered; the message lists those that are."""


class Broken(ValueError):
    """An entry point that gives nothing usable; the message names it, its package and what is wrong."""


class Registry:
    """What is registered under one heading.

    what      one of them, in words: `method`
    group     of the entry points of installed packages
    built_in  this project's own: name -> `module:object`
    families  prefix -> `module:object`: an object that takes what follows the prefix in a name `prefix:rest`
    """

    def __init__(
        self, what: str, group: str, built_in: Mapping[str, str], families: Mapping[str, str] | None = None
    ) -> None:
        self.what, self.group, self.built_in, self.families = what, group, dict(built_in), dict(families or {})

    def names(self) -> list[str]:
        """All registered names but those in families, the project's own first."""
        return [*self.built_in, *sorted({entry.name for entry in self._entries()} - self.built_in.keys())]

    def __contains__(self, name: str) -> bool:
        """Whether something is registered under that name, or a family has its prefix; nothing is imported."""
        prefix, colon, _ = name.partition(":")
        return name in self.names() or bool(colon and prefix in self.families)

    def allowed(self) -> str:
        """What may be asked for, in words."""
        return ", ".join([*self.names(), *(f"{prefix}:<level>" for prefix in self.families)])

    def get(self, name: str, usable: Callable[[Any], Any] = lambda found: found) -> Any:
        """What is registered under a name, as `usable` gives it back.

        usable  makes the object ready (calls a factory) and raises whatever it likes if that is not what is wanted
        Raises Unknown, naming those there are, or Broken for whatever goes wrong in an entry point. What a family
        says of a name that it doesn't know, as a ValueError, becomes Unknown.
        """
        prefix, colon, rest = name.partition(":")
        if name in self.built_in:
            return usable(_imported(self.built_in[name]))
        if colon and prefix in self.families:
            try:
                return _imported(self.families[prefix])(rest)
            except ValueError as error:
                raise Unknown(f"unknown {self.what} {name!r}: {error}") from None
        for entry in self._entries():
            if entry.name == name:
                return self._brought_by(entry, usable)
        raise Unknown(f"unknown {self.what} {name!r}; there are {self.allowed()}")

    def _entries(self) -> list[EntryPoint]:
        return list(entry_points(group=self.group))

    def _brought_by(self, entry: EntryPoint, usable: Callable[[Any], Any]) -> Any:
        try:
            return usable(entry.load())
        except Exception as error:
            package = entry.dist.name if entry.dist else "unknown"
            why = " ".join(str(error).split())
            raise Broken(
                f"{self.what} {entry.name!r} can't be made: its entry point {entry.value!r} (package {package}) fails "
                f"with {type(error).__name__}: {why}"
            ) from error


def _imported(place: str) -> Any:
    """What `module:object` names."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


TASKS = Registry(
    "task",
    "llm4teach.tasks",
    {
        "SimpleDoorKey": "pipeline.tasks.doorkey.task:simple",
        "LavaDoorKey": "pipeline.tasks.doorkey.task:lava",
        "ColoredDoorKey": "pipeline.tasks.doorkey.task:colored",
        "DivergedDoorKey": "pipeline.tasks.doorkey.task:diverged",
        "NavPick": "pipeline.tasks.habitat.task:lenient",
        "NavPickStrict": "pipeline.tasks.habitat.task:strict",
    },
    {"minigrid": "pipeline.tasks.minigrid.task:make"},
)
"""What can be learned: factories of tasks; those of a family take the level's name."""
UNTRAINED = "llm"
"""The one method without students: the teacher alone."""
METHODS = Registry(
    "method",
    "llm4teach.methods",
    {
        UNTRAINED: "pipeline.student.methods.llm:LLM",
        "hierarchical": "pipeline.student.methods.hierarchical:Hierarchical",
        "rl": "pipeline.student.methods.rl:RL",
        "llm4teach": "pipeline.student.methods.llm4teach:LLM4Teach",
    },
)
"""Ways to make an agent, in the order of the paper's table."""
NETWORKS = Registry(
    "network",
    "llm4teach.networks",
    {
        "egocentric": "pipeline.student.networks.egocentric:Egocentric",
        "map": "pipeline.student.networks.map:Map",
        "relational": "pipeline.student.networks.relational:Relational",
        "mlp": "pipeline.student.networks.mlp:MLP",
        "cnn": "pipeline.student.networks.cnn:CNN",
        "dict": "pipeline.student.networks.dict:Dict",
    },
)
"""Students' networks, in the order in which `network: auto` tries them."""
