"""Students small enough for a test."""

from pathlib import Path

from al_core.settings import StudentSettings

NARROW = """
model = dict(
    backbone=dict(widen_factor=0.125),
    neck=dict(in_channels=[32, 64, 128], out_channels=32),
    bbox_head=dict(in_channels=32, feat_channels=32))
"""
"""The default student with a third of its channels."""

_OVERRIDE = """
model = dict(
    backbone=dict(depth=18, base_channels=16, stem_channels=16),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=32),
    rpn_head=dict(in_channels=32, feat_channels=32),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=32),
        bbox_head=dict(in_channels=32, fc_out_channels=64),
        mask_roi_extractor=dict(out_channels=32),
        mask_head=dict(in_channels=32, conv_out_channels=32),
    ),
)
"""


def tiny_student(folder: Path) -> StudentSettings:
    """Settings of a Mask R-CNN, ResNet-18 with a quarter of its channels, that sees frames at 64 pixels.

    Its override file is written to ``folder``.
    """
    override = folder / "tiny_student.py"
    override.write_text(_OVERRIDE)
    return StudentSettings(
        config="mask_rcnn_r50_fpn", override=str(override), long_side=64, max_objects=8, device="cpu"
    )
