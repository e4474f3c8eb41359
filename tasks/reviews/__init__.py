"""Answers that are looked at by somebody else: what waits for reviewers, and what two people drew differently."""
