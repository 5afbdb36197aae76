"""Makes the modules beside this file (`tiny`) importable in every folder of tests; hypothesis runs without a clock."""

from hypothesis import HealthCheck, settings

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")  # a busy machine is no fault of the code
