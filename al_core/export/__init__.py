"""Labelled videos in the formats that others read.

Every exporter takes the same clips and writes one folder (or one file); what a format cannot hold is counted and said
in the report, never dropped silently.
"""

FORMATS = {
    "coco": "al_core.export.coco:export",
    "davis": "al_core.export.davis:export",
    "mots": "al_core.export.mots:export",
    "youtube-vis": "al_core.export.youtube_vis:export",
    "yolo-seg": "al_core.export.yolo:export",
    "overlay-mp4": "al_core.export.overlay:export",
}
"""The exporter of each format; the names cost nothing to import (see :data:`al_core.export.exporters.EXPORTERS`)."""

WITH_SCANS = {"points": "al_core.export.points:export"}
"""Formats that need the scans of a lidar besides."""

HOLDS_SPLITS = frozenset({"yolo-seg"})
"""Formats whose one folder holds all splits; of the others each split is a folder of its own."""

NEXT_STEP = {
    "coco": "read it with pycocotools, or train on it as mmdet's CocoDataset",
    "davis": "read it as the DAVIS layout, or take it into another project: fewframes ingest {out} --project OTHER",
    "mots": "measure trackers with TrackEval's MOTSChallenge: --GT_FOLDER {out}",
    "youtube-vis": "train on it as mmdet's YouTubeVISDataset",
    "yolo-seg": "train on it with: data={out}/data.yaml",
    "overlay-mp4": "look at it",
    "points": "read labels/*.label as SemanticKITTI's, and look at above/*.png",
}
"""What an export is for, said when it is there."""
