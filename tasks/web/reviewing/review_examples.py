"""What the calls of reviewers answer, as the description of the API shows."""

from tasks.web.api.answer_examples import TASK

REVIEW = TASK | {
    "review": {
        "answer_id": "3f0e8a52-6f0b-4d53-9a51-0f4a7c1f1d6e",
        "author": "ada",
        "kind": "mask",
        "agrees": 0.62,
        "left": 3,
    }
}

REVIEWED = {"review_id": "3f0e8a52-6f0b-4d53-9a51-0f4a7c1f1d6e", "left": 3}

APPROVED = REVIEWED | {"undo_seconds": 60}

THREADS = {
    "threads": [
        {"request_id": "r0002-v00001-f0000120", "video_id": 1, "video": "dog", "frame_idx": 120, "notes": TASK["notes"]}
    ]
}
