"""Rounds on a Prefect server: what is registered there, who runs it, and what its pages show."""
