"""Boxes that people drew become masks, in their frames and around them."""
