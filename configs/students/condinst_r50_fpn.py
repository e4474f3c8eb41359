# CondInst, ResNet-50-FPN (Tian et al. 2020).
_base_ = 'mmdet::condinst/condinst_r50_fpn_ms-poly-90k_coco_instance.py'

model = dict(
    mask_head=dict(max_masks_to_train=60),
    test_cfg=dict(nms_pre=300))
