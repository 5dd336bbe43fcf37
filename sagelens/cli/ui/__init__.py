"""`sagelens ui`: our runs with their figures on one page, and MLflow behind it.

MLflow's own list cannot be told by its address which columns to show, and opens beside its assistant. So the first page is ours.
"""
