# Mask R-CNN, ResNet-101-FPN: the R-50 student with a deeper backbone.
_base_ = './mask_rcnn_r50_fpn.py'

model = dict(backbone=dict(depth=101))
