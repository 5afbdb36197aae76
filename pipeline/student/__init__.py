"""Who learns: networks, PPO, teacher losses, annealing, rollouts, checkpoints."""
