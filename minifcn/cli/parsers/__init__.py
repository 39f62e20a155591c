"""What can be given to each command, apart from what it does: `minifcn COMMAND -h` imports nothing else."""
