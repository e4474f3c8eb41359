"""Journeys of a user through the real commands."""
