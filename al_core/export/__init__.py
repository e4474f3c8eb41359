"""Labelled videos in the formats that others read.

Every exporter takes the same clips and writes one folder (or one file); what a format cannot hold is counted and said
in the report, never dropped silently.
"""

FORMATS = {
    "coco": "al_core.export.coco:export",
    "davis": "al_core.export.davis:export",
    "youtube-vis": "al_core.export.youtube_vis:export",
    "yolo-seg": "al_core.export.yolo:export",
    "overlay-mp4": "al_core.export.overlay:export",
}
"""The exporter of each format; the names cost nothing to import (see :data:`al_core.export.exporters.EXPORTERS`)."""
