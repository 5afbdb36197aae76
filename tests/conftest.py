"""Makes the modules beside this file (`tiny`) importable in every folder of tests."""
