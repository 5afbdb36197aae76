"""params.yaml as typed, checked models, a file per section: an error names the key, the value, and what is allowed."""

from pipeline.params.collect import Collect
from pipeline.params.evaluate import Acting, Evaluate
from pipeline.params.label import Label
from pipeline.params.params import Params, load_params
from pipeline.params.schedule import Schedule
from pipeline.params.section import ParamsError
from pipeline.params.train import Train

__all__ = ["Acting", "Collect", "Evaluate", "Label", "Params", "ParamsError", "Schedule", "Train", "load_params"]
