"""Masks out of tags: where the categories are that people only said are in a frame."""
