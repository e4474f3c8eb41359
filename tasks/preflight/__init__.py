"""What is looked at before anything is stored and anybody is asked: names, files, devices, and what contradicts."""

from tasks.preflight.checks import check

__all__ = ["check"]
