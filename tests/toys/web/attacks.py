"""What the labelling API is sent by those who mean no good."""

import json

import numpy as np

from al_core.masks.rle import encode
from tests.toys.labelled_project import HEIGHT, WIDTH
from tests.toys.web.desk import sent, square

MEGABYTE = 2**20


def masks_with(**changes):
    """One mask as the page sends it, spoiled."""
    (mask,) = sent([square(3)])
    return {"masks": [mask | changes]}


def rle(counts, size=(HEIGHT, WIDTH)):
    """Return an answer of one mask with these run lengths."""
    return masks_with(rle={"size": list(size), "counts": counts})


TWO_TIMES = {"masks": sent([square(3), square(2)])}

SUBMIT_ATTACKS = {
    "another size": (rle(square(3).rle.counts, (HEIGHT, WIDTH + 1)), 422, "the frame is 24x32 pixels"),
    "a size that would fill the memory": (rle("0", (2_000_000, 2_000_000)), 422, "the frame is 24x32 pixels"),
    "runs longer than the frame": (rle("PPPPP^1"), 422, "do not add up"),
    "one run of 2^34 pixels": (rle("oooooo?"), 422, "do not add up"),
    "a number without end": (rle("o" * 1000), 422, "no run lengths"),
    "a number of 5,000 bits": (rle("o" * 1000 + "0"), 422, "longer than any frame"),
    "negative runs": (rle("O" * 50), 422, "do not add up"),
    "no run lengths": (rle("<script>alert(1)</script>"), 422, "no run lengths"),
    "an empty text": (rle(""), 422, "no run lengths"),
    "two megabytes of runs": (rle("0" * 2 * MEGABYTE), 422, "at most"),
    "an unknown category": (masks_with(category_id=77), 422, "no category 77"),
    "a track of ten digits": (masks_with(track_id=10**10), 422, "less than or equal"),
    "a negative track": (masks_with(track_id=-1), 422, "greater than or equal"),
    "an object twice": (TWO_TIMES, 422, "appears once"),
    "an object without a pixel": (rle(encode(np.zeros((HEIGHT, WIDTH), bool)).counts), 422, "delete the empty masks"),
    "ten thousand masks": ({"masks": sent([square(3)]) * 10_000}, 422, "appears once"),
    "accepted, but without masks": ({"kind": "accept", "masks": []}, 422, "none came back"),
    "absent, but with masks": ({"kind": "absent"}, 422, "nothing is said to be here"),
    "a kind that is not asked": ({"kind": "delete"}, 422, "kind"),
    "seconds below zero": ({"seconds": -1}, 422, "seconds"),
    "a year of seconds": ({"seconds": 3e7}, 422, "seconds"),
    "seconds that are text": ({"seconds": "long"}, 422, "seconds"),
    "an answer id that is no id": ({"answer_id": "../../etc/passwd"}, 422, "answer_id"),
    "somebody else's lease": ({"lease": "A" * 22}, 409, "no longer yours"),
    "no lease": ({"lease": ""}, 409, "no longer yours"),
    "a lease of a megabyte": ({"lease": "A" * MEGABYTE}, 422, "lease"),
    "a revision that never was": ({"base_revision": 5}, 409, "was answered since"),
}

TEXT_ATTACKS = {
    "not a number for seconds": (lambda body: json.dumps(body).replace("12.5", "NaN"), 422),
    "infinite seconds": (lambda body: json.dumps(body).replace("12.5", "Infinity"), 422),
    "lists a hundred thousand deep": (lambda body: "[" * 100_000, (400, 422)),
    "an object instead of masks": (lambda body: json.dumps(body | {"masks": {"a": {}}}), 422),
    "no JSON": (lambda body: "lease=1&masks=2", 422),
    "nothing": (lambda body: "", 422),
    "seventeen megabytes": (lambda body: json.dumps(body | {"lease": "A" * 17 * MEGABYTE}), 413),
    "a text that is no text": (lambda body: b'{"lease": "\xff\xfe"}', (400, 422)),
}

PATH_ATTACKS = [
    "/api/frames/1/..%2f..%2f..%2fledger.duckdb",
    "/api/frames/..%2f..%2fowner.json",
    "/api/frames/1/0.jpg%00.png",
    "/api/frames/1/%2e%2e/owner.json",
    "/api/frames/1/0.svg",
    "/api/frames/1/0.jpg?long_side=1000000000",
    "/api/frames/1/0.jpg?long_side=-5",
    "/api/masks/1/%2e%2e%2f0",
    "/api/masks/1/99999999999999999999",
    "/api/disagreement/1/..%2f0.png",
    "/api/objects/1/..%2f0.jpg",
    "/api/objects/1/0.jpg",
    "/api/objects/99999999999999999999",
    "/static/../labelling.py",
    "/static/0/..%2flabelling.py",
]

REFINE_ATTACKS = {
    "a click outside": ({"clicks": [{"x": WIDTH, "y": 0, "positive": True}]}, "inside the frame"),
    "a click far outside": ({"clicks": [{"x": 1e300, "y": 0, "positive": True}]}, "less than or equal"),
    "a thousand clicks": ({"clicks": [{"x": 1, "y": 1, "positive": True}] * 1000}, "at most 100"),
    "a stroke outside": ({"strokes": [{"points": [[-5, -5], [-1e6, -9]], "positive": True}]}, "wholly outside"),
    "a stroke of no point": ({"strokes": [{"points": [], "positive": True}]}, "at least 1"),
    "too many strokes": ({"strokes": [{"points": [[1, 1]], "positive": True}] * 21}, "at most 20"),
    "an empty box": ({"box": [5, 5, 5, 5]}, "at least one pixel"),
    "a box outside": ({"box": [100, 100, 200, 200]}, "at least one pixel"),
    "a box of three sides": ({"box": [1, 2, 3]}, "box"),
    "a mask of another size": ({"rle": {"size": [1, 1], "counts": "1"}, "clicks": []}, "the frame is 24x32"),
    "a mask that is none": ({"rle": {"size": [HEIGHT, WIDTH], "counts": "PPPP"}, "clicks": []}, "run lengths"),
}


CALLS = [
    ("GET", "/api/categories"),
    ("POST", "/api/categories"),
    ("GET", "/api/categories/1/example"),
    ("GET", "/api/me"),
    ("POST", "/api/next"),
    ("GET", "/api/upcoming"),
    ("GET", "/api/tags"),
    ("GET", "/api/tags/1"),
    ("POST", "/api/tags/1"),
    ("POST", "/api/looks"),
    ("GET", "/api/answered"),
    ("GET", "/api/audit/examples.png"),
    ("GET", "/api/frames/1/0.jpg"),
    ("GET", "/api/masks/1/0"),
    ("GET", "/api/disagreement/1/0.png"),
    ("GET", "/api/objects/1"),
    ("GET", "/api/objects/1/1.jpg"),
    ("POST", "/api/objects/1/number"),
    ("POST", "/api/requests/r1/renew"),
    ("PUT", "/api/requests/r1/draft"),
    ("POST", "/api/requests/r1/submit"),
    ("POST", "/api/requests/r1/skip"),
    ("POST", "/api/requests/r1/flag"),
    ("POST", "/api/requests/r1/release"),
    ("POST", "/api/requests/r1/refine"),
    ("POST", "/api/requests/r1/reopen"),
    ("POST", "/api/review/next"),
    ("POST", "/api/requests/r1/approve"),
    ("POST", "/api/requests/r1/return"),
    ("POST", "/api/reviews/00000000-0000-0000-0000-000000000000/undo"),
    ("GET", "/api/notes"),
    ("POST", "/api/requests/r1/notes"),
    ("POST", "/api/requests/r1/track"),
    ("POST", "/api/requests/r1/tracked"),
    ("POST", "/api/requests/r1/drop"),
    ("POST", "/api/answers/00000000-0000-0000-0000-000000000000/undo"),
    ("GET", "/api/standing"),
    ("GET", "/api/people"),
    ("GET", "/api/log"),
    ("GET", "/api/docs"),
    ("GET", "/api/openapi.json"),
]
