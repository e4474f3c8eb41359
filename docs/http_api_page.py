"""Write ``docs/http-api.md`` from the routes themselves; ``make docs`` calls it.

Calls, values and status codes are those of the OpenAPI document; the example is kept here. A test compares the page
with what this makes, and another runs the example.
"""

import sys
from pathlib import Path

from fastapi import FastAPI

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tasks.web.api.api_description import INTRODUCTION, Call, calls, description  # noqa: E402
from tasks.web.app import mount  # noqa: E402

PAGE = ROOT / "docs" / "http-api.md"

HEAD = """# HTTP API

*Written by `docs/http_api_page.py` from the routes in `tasks/web`; change it there.*

`fewframes serve` answers people and programs alike: what the labelling page does, a script can do. Who is signed in
finds this description at `/api/docs`, and as OpenAPI 3.1 at `/api/openapi.json`.

{introduction}

A program is a person: give it a name and a role with `fewframes annotator add NAME`, and keep its link secret. This one
accepts every frame that it is given as it is shown; `TOKEN` is what follows `#` in the link:

```python
import uuid
import httpx

with httpx.Client(base_url=URL, headers={{"X-Fewframes": "1"}}) as client:
    client.post("/enter", json={{"token": TOKEN}})  # sets the cookie
    while (reply := client.post("/api/next")).status_code == 200:
        task = reply.json()
        frame = task["frame"]
        picture = client.get(f"/api/frames/{{frame['video_id']}}/{{frame['frame_idx']}}.png").content
        masks = [{{key: mask[key] for key in ("track_id", "category_id", "rle")}} for mask in task["masks"]]
        answer = {{
            "lease": task["lease"]["token"],
            "answer_id": str(uuid.uuid4()),
            "base_revision": task["base_revision"],
            "kind": "accept" if masks else "absent",
            "seconds": 5.0,
            "masks": masks,
        }}
        stored = client.post(f"/api/requests/{{task['request_id']}}/submit", json=answer).json()
        print(frame["video"], frame["frame_idx"], "revision", stored["revision"])
```

A mask is COCO's compressed run-length code at the size of the frame. `answer_id` is made by whoever answers, so that
the same answer sent twice is stored once. A frame is yours for `expires_in_seconds`; `renew` keeps it longer.
"""


def page() -> str:
    """Return the whole page."""
    app = FastAPI()
    mount(app)
    return "\n".join([HEAD.format(introduction=INTRODUCTION), *map(_section, calls(description(app)))])


def _section(call: Call) -> str:
    lines = [f"## {call.method} {call.path}", "", call.summary, ""]
    if call.values:
        lines += ["| value | where | what |", "|---|---|---|"]
        lines += [f"| `{name}` | {where} | {what} |" for name, where, what in call.values]
        lines.append("")
    lines += ["| answer | meaning |", "|---|---|", *(f"| {code} | {meaning} |" for code, meaning in call.answers), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
