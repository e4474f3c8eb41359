"""SAM 2, and SAM 3's tracker, with very few weights, drawn at random: a folder as ``transformers`` writes it."""

from pathlib import Path
from typing import Any

import torch

SIDE = 128
"""Of the picture that the network sees, in pixels."""


def tiny_sam(folder: Path, model_type: str = "sam2_video") -> Path:
    """Write config.json and model.safetensors of a network for videos; it finds that each object is there.

    Weights are larger than usual, so that what is found depends on what is remembered.
    """
    import transformers

    make = {
        "sam2_video": lambda: transformers.Sam2VideoModel(transformers.Sam2VideoConfig(**_hiera(), **_rest())),
        "sam3_tracker_video": lambda: transformers.Sam3TrackerVideoModel(
            transformers.Sam3TrackerVideoConfig(**_vit(), **_rest())
        ),
    }[model_type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = make()
    with torch.no_grad():
        for weights in network.parameters():
            if weights.dim() > 1:
                weights.mul_(3)
    set_presence(network, 5)
    network.save_pretrained(folder)
    return folder


def set_presence(network: Any, logit: float) -> None:
    """Let a network find each object with this logit of its being there."""
    score = network.mask_decoder.pred_obj_score_head.proj_out
    score.weight.data.zero_()
    score.bias.data.fill_(logit)


def _hiera() -> dict[str, Any]:
    from transformers import Sam2HieraDetConfig, Sam2VisionConfig

    backbone = Sam2HieraDetConfig(
        hidden_size=12,
        num_attention_heads=1,
        image_size=[SIDE, SIDE],
        window_positional_embedding_background_size=[2, 2],
        blocks_per_stage=[1, 1, 1, 1],
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 2, 2, 2],
        global_attention_blocks=[],
        num_query_pool_stages=3,
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[96, 48, 24, 12],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=128,
        num_feature_levels=3,
    )
    return {
        "vision_config": vision,
        "prompt_encoder_config": {
            "hidden_size": 128,
            "image_size": SIDE,
            "patch_size": 16,
            "mask_input_channels": 8,
        },
        "image_size": SIDE,
        "memory_attention_rope_feat_sizes": [8, 8],
    }


def _vit() -> dict[str, Any]:
    from transformers import Sam3VisionConfig, Sam3ViTConfig

    backbone = Sam3ViTConfig(
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=16,
        window_size=4,
        global_attn_indexes=[],
        pretrain_image_size=SIDE,
    )
    vision = Sam3VisionConfig(backbone_config=backbone, fpn_hidden_size=128)
    prompts = {"hidden_size": 128, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 8}
    return {"vision_config": vision, "prompt_encoder_config": prompts, "image_size": SIDE}


def _rest() -> dict[str, Any]:
    return {
        "mask_decoder_config": {
            "hidden_size": 128,
            "mlp_dim": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "iou_head_depth": 2,
            "iou_head_hidden_dim": 32,
        },
        "memory_attention_hidden_size": 128,
        "memory_attention_num_layers": 1,
        "memory_attention_num_attention_heads": 1,
        "memory_attention_feed_forward_hidden_size": 32,
        "memory_encoder_hidden_size": 128,
        "memory_encoder_output_channels": 64,
        "mask_downsampler_embed_dim": 128,
        "memory_fuser_num_layers": 1,
        "memory_fuser_embed_dim": 128,
        "memory_fuser_intermediate_dim": 32,
        "memory_fuser_kernel_size": 3,
        "memory_fuser_padding": 1,
    }
