"""Stock in Redis, changed by these scripts and by nothing else."""
