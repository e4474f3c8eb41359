# RTMDet-Ins on EfficientNet-Lite0, whose weights of ImageNet are installed with fewframes.
_base_ = 'mmdet::rtmdet/rtmdet-ins_tiny_8xb32-300e_coco.py'

model = dict(
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0], bgr_to_rgb=True),
    backbone=dict(_delete_=True, type='EfficientNetLite', out_indices=(3, 4, 5), frozen_stages=6),
    neck=dict(in_channels=[40, 112, 320]),
    test_cfg=dict(nms_pre=300, score_thr=0.05))

fewframes = dict(lr_mult=4.0)
