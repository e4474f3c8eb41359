"""Masks of boxes for categories of which nobody drew a mask, after Zhou et al., "Learning Saliency Propagation for
Semi-Supervised Instance Segmentation" (CVPR 2020).

What a category looks like is learnt from all boxes; how that spreads over an object until its outline, from the masks
that there are. Modules here load torch.
"""
