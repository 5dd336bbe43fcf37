"""Processes forked from warm interpreters, and fresh ones where forking is not possible or not safe.

Nothing is imported here: `protocol` is on the way of every command, and `zygote` has to stay small.
"""
