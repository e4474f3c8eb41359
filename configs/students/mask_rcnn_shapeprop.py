# Mask R-CNN whose masks are for any category (Zhou et al. 2020): objects that only have boxes teach no mask.
_base_ = './mask_rcnn_r50_fpn.py'

model = dict(
    roi_head=dict(
        type='ShapePropRoIHead',
        mask_head=dict(type='SpreadingMaskHead')))

fewframes = dict(
    train_pipeline=[
        dict(type='RandomAffineMasks', scale=(0.9, 1.15), rotation=3.0, translation=0.08),
        dict(type='YOLOXHSVRandomAug'),
        dict(type='PaintIgnored'),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackBoxedInputs')])
