"""Where runs are kept: Postgres, and nowhere else."""
