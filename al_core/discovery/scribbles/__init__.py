"""Masks out of scribbles, with the help of masks of other pictures that show which shapes objects have."""
