"""The real server as a process of its own, and somebody who labels what it asks for."""

import json
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from uuid import uuid4

import httpx

from tasks.ledger.client import living_owner
from tasks.web.auth import COOKIE
from tests.toys.processes.prepared import PreparedCommand


def start(project, *options):
    """Start serving at a free port; returns the process, which may still be on its way up."""
    return PreparedCommand("serve", "--project", project.root, "--port", 0, *options)


def wait_for(process, project):
    """Wait until a process that was started serves; returns the noted owner."""
    while True:
        assert process.poll() is None, process.communicate()
        owner = living_owner(project)
        if owner is not None and owner.pid == process.pid:
            return owner
        time.sleep(0.02)


@contextmanager
def serving(project, *options):
    """Serve until the block ends; yields the process and the noted owner."""
    process = start(project, *options)
    try:
        yield process, wait_for(process, project)
    finally:
        process.terminate()
        process.communicate(timeout=90)


def until(condition, process, seconds=300):
    """Wait until something holds, while a process lives."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)


def state(owner, key):
    """What the server says about its newest round to the person whose session has this key."""
    request = urllib.request.Request(f"{owner.url}/api/state", headers={"Cookie": f"{COOKIE}={key}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def label_all(owner, key, truth):
    """Answer every request over HTTP as a person with this session would, with the truth; returns how many."""
    done = 0
    with httpx.Client(base_url=owner.url, cookies={COOKIE: key}, headers={"X-Fewframes": "1"}, timeout=60) as page:
        while (answer := page.post("/api/next").raise_for_status()).status_code != httpx.codes.NO_CONTENT:
            task = answer.json()
            masks = truth[task["frame"]["frame_idx"]].masks
            drawn = [{"track_id": m.track_id, "category_id": m.category_id, "rle": m.rle.to_coco()} for m in masks]
            body = {
                "lease": task["lease"]["token"],
                "answer_id": str(uuid4()),
                "base_revision": task["base_revision"],
                "kind": "mask",
                "seconds": 9.0,
                "masks": drawn,
            }
            page.post(f"/api/requests/{task['request_id']}/submit", json=body).raise_for_status()
            done += 1
    return done
