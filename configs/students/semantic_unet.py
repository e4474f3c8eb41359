# A U-Net of 0.4 M parameters that says of each pixel what it is: for many like objects on a plain ground.
model = dict(
    type='SemanticUNet',
    num_classes=1,
    channels=(16, 32, 64, 96),
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_mask=True),
    test_cfg=dict(score_thr=0.05, min_pixels=6, max_per_img=100))

fewframes = dict(lr_mult=4.0)
