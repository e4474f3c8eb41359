"""Masks of gestures as the page asks for them."""
