"""Calls of people who answer and review."""

from uuid import uuid4

from tests.toys.web.desk import answer, sent


def submit(client, task, masks, **changes):
    """Send an answer; it must be taken."""
    reply = client.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, sent(masks)) | changes)
    assert reply.status_code == 200, reply.text
    return reply.json()


def review(client):
    """The answer that somebody reviews."""
    reply = client.post("/api/review/next")
    assert reply.status_code == 200, reply.text
    return reply.json()


def approve(client, task, check=True, **given):
    """Approve what is in hand."""
    return _sent(client, task, "approve", check, given)


def send_back(client, task, note, check=True):
    """Return what is in hand."""
    return _sent(client, task, "return", check, {"note": note})


def _sent(client, task, how, check, given):
    body = {
        "lease": task["lease"]["token"], "review_id": str(uuid4()), "base_revision": task["base_revision"],
        "seconds": 2.0,
    }  # fmt: skip
    reply = client.post(f"/api/requests/{task['request_id']}/{how}", json=body | given)
    assert not check or reply.status_code == 200, reply.text
    return reply
