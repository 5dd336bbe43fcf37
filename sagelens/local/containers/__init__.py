"""The docker runtime: jobs run through SageMaker's local mode, model servers as containers of their own.

Nothing is imported here: the local mode's side is on the way of every job.
"""
