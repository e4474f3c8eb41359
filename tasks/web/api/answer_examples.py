"""What the calls of the API answer, as its description shows; a test compares the fields with those of real answers."""

RLE = {"size": [480, 854], "counts": "PPYo1"}

_MASK = {"track_id": 1, "category_id": 1, "rle": RLE, "provenance": "propagated", "confidence": 0.91}
_SHOWN = {"colour": "#cc7722", "description": "dogs of all kinds", "key": "1", "example": True}
_CATEGORY = {"category_id": 1, "name": "dog"} | _SHOWN

_OFFERED = {"categories": [_CATEGORY], "own_categories": [1], "attributes": [{"name": "occluded", "category_id": None}]}

CATEGORIES = {"categories": [_CATEGORY], "guide": "Every *dog*.", "guide_html": "<p>Every <em>dog</em>.</p>\n"}
ME = {"name": "ada", "role": "annotator", "done": 12, "open": 8}

_SIZE = {"width": 854, "height": 480, "cuts": [140]}
_FRAME = {"video_id": 1, "video": "dog", "frame_idx": 120, "time_seconds": 4.8, "n_frames": 300, "fps": 25.0} | _SIZE

TASK = {
    "request_id": "r0002-v00001-f0000120",
    "round_id": 2,
    "lease": {"token": "...", "expires_in_seconds": 300.0},
    "rank": 0,
    "kind": "mask",
    "reason": "the teachers disagree",
    "control": False,
    "blind": False,
    "audit": {"grade": "judged", "track_id": 1, "iou": 0.75},
    "frame": _FRAME,
    **_OFFERED,
    "masks": [_MASK],
    "uncertainty": {},
    "set_aside": [],
    "base_revision": 0,
    "reopened": False,
    "draft": {"masks": [], "seconds": 3.5, "saved_at": "2026-11-26T08:00:00Z"},
    "queue": {"open": 8, "done": 12, "mine": 5},
} | {"returned": True, "notes": [{"who": "rae", "text": "The tail.", "written_at": "2026-11-26T08:00:00Z"}]}

_SEEN = {"first_frame": 0, "last_frame": 119, "labelled": [0, 60], "example_frame": 60}

OBJECTS = {"objects": [{"track_id": 1, "category_id": 1} | _SEEN], "labelled": [0, 60]}

RENEWED = {"expires_in_seconds": 300.0, "note": ""}

_ANSWERED = {"request_id": "r0002-v00001-f0000120", "video_id": 1, "video": "dog", "frame_idx": 120, "kind": "mask"}

ANSWERED = {"frames": [_ANSWERED | {"n_masks": 2, "answered_at": "2026-11-26T08:00:00Z"}]}

UPCOMING = {"video_id": 1, "frame_idx": 180}

STORED = {"answer_id": "3f0e8a52-6f0b-4d53-9a51-0f4a7c1f1d6e", "revision": 1, "undo_seconds": 60}

STATE = {
    "round": 2,
    "step": "collect",
    "open": 8,
    "running": False,
    "last_error": "the lead can see why",
    "paused": "paused since 2026-11-26 08:00 UTC",
    "over": "all rounds are done: 5 of 5",
}
