"""Ways to make an agent, a file for each: what teaches the student, and what it learns from."""
