"""Toys that tests share, small enough to check by eye."""
