# What the Shapes benchmark changes in Mask R-CNN: fewer regions a step, of which few carry a mask (the mask branch is
# what takes longest), and no augmentation beyond a flip, since every scene is new.
model = dict(train_cfg=dict(rcnn=dict(sampler=dict(num=32, pos_fraction=0.125))))
fewframes = dict(
    train_pipeline=[
        dict(type="RandomAffineMasks"),
        dict(type="PaintIgnored"),
        dict(type="RandomFlip", prob=0.5),
        dict(type="PackDetInputs"),
    ]
)
