"""The disk is full while people submit to the server."""

import random
import shutil
from pathlib import Path
from uuid import uuid4

import httpx

from al_core.ledger.store import Ledger
from tests.bench.load.serve_load import MASK, Load, free_port, prepare, start
from tests.faults.framework import Family, expect
from tests.faults.kinds.disk import SmallDisk, fill

N_REQUESTS = 30
_REFUSALS = 4


class FullServer(Family):
    """Answers are refused while the disk is full, and taken when there is room; the page's own retry is played."""

    name = "disk_full_server"
    fault = "disk full while a person submits to fewframes serve"
    times = 8

    def __init__(self, scratch: Path, lab) -> None:
        super().__init__(scratch, lab)
        self._disk = SmallDisk(scratch / "disk", megabytes=40)

    def close(self) -> None:
        """Take the small disk away."""
        self._disk.close()

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """The disk fills up after some answers; there is room again after some refusals."""
        if not self._disk.mounted:
            return "nowhere", "not injected: no small file system can be mounted here"
        root = self._disk.folder / str(self._made)
        ledger, links = prepare(root, Load(people=1, requests=N_REQUESTS))
        port = free_port()
        server = start(root, port)
        filler = self._disk.folder / "filler"
        before, left = rng.randrange(N_REQUESTS - 5), rng.choice((0, rng.randrange(20_000)))
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-Fewframes": "1"}, timeout=30) as page:
                page.post("/enter", json={"token": links["p00"]})
                done = [_answer(page, filler) for _ in range(before)]
                fill(filler, left)
                done += [_answer(page, filler) for _ in range(before, N_REQUESTS)]
        finally:
            filler.unlink(missing_ok=True)
            server.terminate()
            server.wait()
        acknowledged, refused = [answer for answer, _ in done], sum(n for _, n in done)
        found = [given.answer.answer_id for given in Ledger(ledger.path).answers_given()]
        expect(sorted(found) == sorted(acknowledged), f"stored {len(found)}, acknowledged {len(acknowledged)}")
        shutil.rmtree(root)
        outcome = "refused and said why; taken when there was room" if refused else "there was room enough"
        return f"after {before} answers, {left:,} bytes free, {refused} refused", outcome


def _answer(page: httpx.Client, filler: Path) -> tuple[str, int]:
    """Take a frame and answer it, again and again until it is acknowledged, as the page does; after some refusals
    somebody makes room. Returns the answer's id and how often something was refused."""
    refused, answer = 0, str(uuid4())
    while True:
        reply = page.post("/api/next")
        if reply.status_code == 200:
            task = reply.json()
            body = {
                "lease": task["lease"]["token"],
                "answer_id": answer,
                "base_revision": task["base_revision"],
                "kind": "mask",
                "seconds": 9.0,
                "masks": [{"track_id": 1, "category_id": 1, "rle": MASK.to_coco()}],
            }
            reply = page.post(f"/api/requests/{task['request_id']}/submit", json=body)
            if reply.status_code == 200:
                expect(reply.json()["answer_id"] == answer, reply.text)
                return answer, refused
        refused += 1
        expect(reply.status_code == 507 and "is full" in reply.text, f"{reply.status_code}: {reply.text}")
        expect(refused <= _REFUSALS, "refused although there is room")
        if refused == _REFUSALS:
            filler.unlink()
