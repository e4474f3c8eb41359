# RTMDet-Ins-tiny (Lyu et al. 2022): 5.6 M parameters, the default on a CPU.
_base_ = 'mmdet::rtmdet/rtmdet-ins_tiny_8xb32-300e_coco.py'

model = dict(
    # From random weights: fewer candidates before NMS is all that a CPU needs.
    test_cfg=dict(nms_pre=300, score_thr=0.05))

# Four times the rate that suits the deeper students: measured on clips with eight labelled frames.
fewframes = dict(lr_mult=4.0)
