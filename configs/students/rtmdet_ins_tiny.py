# RTMDet-Ins-tiny (Lyu et al. 2022): 5.6 M parameters, the default on a CPU.
_base_ = 'mmdet::rtmdet/rtmdet-ins_tiny_8xb32-300e_coco.py'

model = dict(
    # From random weights: fewer candidates before NMS is all that a CPU needs.
    test_cfg=dict(nms_pre=300, score_thr=0.05))
