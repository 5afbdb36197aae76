"""What the paper could not show: a teacher's errors, where students leave it, transfer, cost, and what still fails."""
