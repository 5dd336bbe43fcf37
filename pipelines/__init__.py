"""The pipelines of the reference project: steps composed, nothing else."""
