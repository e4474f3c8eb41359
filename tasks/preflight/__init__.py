"""What is looked at and tried out before anything is stored and anybody is asked."""

from tasks.preflight.checks import check, check_rounds
from tasks.preflight.rehearsal import rehearse

__all__ = ["check", "check_rounds", "rehearse"]
