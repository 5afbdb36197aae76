"""Networks by name: what a student can see with."""
