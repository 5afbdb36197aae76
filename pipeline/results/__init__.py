"""What stages and experiments left, read back and summed up: episodes, curves, trials, and the paper's own figures."""
