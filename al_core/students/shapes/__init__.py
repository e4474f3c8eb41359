"""Mask R-CNN that learns masks of some categories and boxes of the others (Zhou et al., CVPR 2020)."""
