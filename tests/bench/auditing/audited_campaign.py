"""A campaign without ground truth, audited by people, to its target, its certificate, and the round after it.

python -m tests.bench.auditing.audited_campaign --data A --data B --work FOLDER car-shadow libby ...

Clips in DAVIS layout (one object each) are taken in as plain frames, made smaller; their masks stay outside. A scripted
person answers everything through the page's own calls: labels as the truth has them, judgements with the product's
error, drawings from nothing, and looks for what is missing. Flow carries the labels; no student is trained. After each
round a line tells the estimates beside the truth. When the target is met, the rest of the audit is answered, and then
the command line certifies, verifies and exports; one more round shows that accepted masks stay. Pages are kept as they
were before anybody answered and at the end (``--pictures``: as pictures, too). The same command goes on where it
stopped.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from click.testing import CliRunner
from fastapi.testclient import TestClient

from al_core.audit.audit_records import Grade
from al_core.footage.clips import Clip, clips_of
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode, encode
from al_core.project import Project
from al_core.records import MaskLabel, Provenance
from al_core.settings import Settings
from al_core.stores.delivered import read_delivered
from flows.cli.main import main as command_line
from tasks.auditing.asking_audits import n_open
from tasks.auditing.missing_objects import MISSING
from tasks.auditing.round_estimates import estimates_now, refresh_estimates
from tasks.auditing.target_outlook import target_outlook
from tasks.certificates.delivered_population import population_of
from tasks.project.ingest import ingest_paths
from tasks.steps.audit import finish_round
from tasks.steps.context import RoundContext
from tasks.steps.table import audit, collect, propagate, request, select
from tasks.web.app import create_app
from tasks.web.state import WebContext
from tests.toys.web.browser import browser
from tests.toys.web.desk import ADDRESS, CHANGING, answer, sent
from tests.toys.web.label_page import masks_of
from tests.toys.web.serving import served

LONG_SIDE = 320
OBJECT = 1
SEEN = 0.1
"""An object counts as missed where no mask overlaps it at least so much."""

Mask = np.ndarray


class Scripted:
    """Somebody who knows the truth, and answers whatever the page's calls hand out.

    Args:
        truth: by video's name and frame.
    """

    def __init__(
        self, client: TestClient, truth: Mapping[str, Sequence[Mask]], settings: Settings, rng: np.random.Generator
    ) -> None:
        self._client, self._truth, self._settings, self._rng = client, truth, settings, rng

    def work(self) -> int:
        """Answer until nothing is asked; returns how many answers were given."""
        done = 0
        while (reply := self._client.post("/api/next")).status_code == 200:
            task = reply.json()
            reply = self._client.post(f"/api/requests/{task['request_id']}/submit", json=self._said(task))
            if reply.status_code != 200:
                raise RuntimeError(f"{task['request_id']}: {reply.text}")
            done += 1
        return done

    def _said(self, task: dict[str, Any]) -> dict[str, Any]:
        mask = self._truth[task["frame"]["video"]][task["frame"]["frame_idx"]]
        about, prices = task["audit"], self._settings
        if about is None or about["grade"] == "measured":
            masks = sent([MaskLabel(OBJECT, 1, encode(mask))]) if mask.any() else []
            seconds = prices.annotator.mask_seconds if masks else prices.annotator.absent_seconds
            return answer(task, masks, "mask" if masks else "absent", seconds)
        shown = masks_of(task["masks"])
        if about["track_id"]:
            seems = overlap(shown[about["track_id"]], mask) + self._rng.normal(0, prices.annotator.judgement_error)
            good = bool(seems >= about["iou"])
            return answer(task, [], "accept" if good else "reject", prices.audit.judge_seconds)
        lacks = mask.any() and all(overlap(one, mask) < SEEN for one in shown.values())
        gestures = [{"tool": MISSING, "track_id": 0, "adds": True, "points": [centre(mask)]}] if lacks else []
        return answer(task, [], "reject" if lacks else "accept", prices.audit.look_seconds) | {"gestures": gestures}


def overlap(one: Mask, other: Mask) -> float:
    """Return the IoU of two masks."""
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def mean_of(values: Mask) -> float:
    """Return the mean of some figures; 0 without any."""
    return float(np.mean(values)) if len(values) else 0.0


def centre(mask: Mask) -> list[float]:
    """Return a point of a mask, x before y."""
    y, x = np.nonzero(mask)
    return [float(x[len(x) // 2]), float(y[len(y) // 2])]


class Campaign:
    """A project of a few clips, and what nobody in it knows."""

    def __init__(self, root: Path, clips: Sequence[Clip], settings: Settings) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root, self.settings = root, settings
        self.project = Project.at(root / "work")
        self.truth = {clip.name: [small_truth(clip, i) for i in range(clip.n_frames)] for clip in clips}
        footage = root / "footage"
        if footage.is_dir():
            return
        for clip in clips:
            write_frames(clip, footage / clip.name)
        ledger = Ledger(self.project.ledger_path)
        with ledger.held():
            assert not ingest_paths(ledger, [footage / clip.name for clip in clips]).failed

    def play(self) -> str | None:
        """Play a round, or go on with it; returns why the campaign ends, or None."""
        ledger = Ledger(self.project.ledger_path)
        with ledger.held():
            round_id = ledger.begin_round(self.settings).round_id
            context = RoundContext.open(self.project, round_id)
            select.do(context)
            request.do(context)
        self.answer(round_id)
        with ledger.held():
            context = RoundContext.open(self.project, round_id)
            for step in (collect, propagate, audit):
                step.do(context)
            return finish_round(RoundContext.open(self.project, round_id))

    def answer(self, round_id: int) -> int:
        """Let the scripted person answer what is asked."""
        with self.desk(f"Ann {round_id}") as client:
            return Scripted(client, self.truth, self.settings, np.random.default_rng(round_id)).work()

    @contextmanager
    def desk(self, name: str, role: Role = Role.ANNOTATOR) -> Iterator[TestClient]:
        """Serve the project's calls to somebody with a link."""
        ledger = Ledger(self.project.ledger_path, patience=5)
        with ledger.owned():
            known = {person.name for person in ledger.annotators()}
            token = ledger.renew_link(name) if name in known else ledger.add_annotator(name, role)
            app = create_app(WebContext(self.project, ledger, answered=lambda round_id: None))
            client = TestClient(app, base_url=ADDRESS, headers=CHANGING)
            assert client.post("/enter", json={"token": token}).status_code == 200
            yield client

    def figures(self, ledger: Ledger) -> Iterator[dict[str, Any]]:
        """Yield what is estimated of each round, and the truth of the same masks and frames."""
        names = {video.video_id: video.name for video in ledger.videos()}
        refresh_estimates(self.project, ledger)
        for found in estimates_now(self.project, ledger):
            if not found.figures:
                continue
            population = population_of(self.project, ledger, found.round_id)
            overlaps, missed = self._measured(ledger, found.round_id, names, population)
            truth = {
                "good": mean_of(overlaps >= found.iou),
                "j": mean_of(overlaps),
                "missed": 100 * mean_of(missed),
            }
            for metric, grade in (
                ("good", Grade.JUDGED),
                ("good", Grade.MEASURED),
                ("j", Grade.MEASURED),
                ("missed", Grade.JUDGED),
            ):
                if (one := found.of(metric, grade)) is not None:
                    yield {
                        "round": found.round_id,
                        "metric": metric,
                        "grade": grade.value,
                        "n": one.n,
                        "of": one.population,
                        "value": round(one.value, 4),
                        "low": round(one.low, 4),
                        "high": round(one.high, 4),
                        "truth": round(truth[metric], 4),
                        "covers": bool(one.low - 1e-9 <= truth[metric] <= one.high + 1e-9),
                    }

    def _measured(self, ledger: Ledger, round_id: int, names: Mapping[int, str], population: Any) -> tuple[Mask, Mask]:
        """Return the overlap of each mask of a population, and how many objects each of its frames misses."""
        shown: dict[tuple[int, int], dict[int, Mask]] = {}
        for video_id, path in ledger.delivered_paths(round_id).items():
            for frame_idx, masks in read_delivered(self.project.absolute(path)):
                shown[video_id, frame_idx] = {m.track_id: decode(m.rle) for m in masks}

        def true(video: int, frame: int) -> Mask:
            return self.truth[names[video]][frame]

        masks = zip(
            population.video_id.tolist(), population.frame_idx.tolist(), population.track_id.tolist(), strict=True
        )
        overlaps = np.array([overlap(shown[v, i][t], true(v, i)) for v, i, t in masks])
        frames = list(zip(population.frame_video.tolist(), population.frame_number.tolist(), strict=True))
        missed = np.array(
            [
                true(v, i).any() and all(overlap(one, true(v, i)) < SEEN for one in shown.get((v, i), {}).values())
                for v, i in frames
            ],
            float,
        )
        return overlaps, missed

    def accepted(self, ledger: Ledger, round_id: int) -> dict[tuple[int, int, int], Any]:
        """Return the masks that a round delivers as accepted."""
        return {
            (video_id, frame_idx, m.track_id): m.rle
            for video_id, path in ledger.delivered_paths(round_id).items()
            for frame_idx, masks in read_delivered(self.project.absolute(path))
            for m in masks
            if m.provenance is Provenance.ACCEPTED
        }

    def pages(self, name: str, pictures: bool) -> None:
        """Keep the pages that a lead sees."""
        folder = self.root / "pages"
        folder.mkdir(exist_ok=True)
        with self.desk("Lea", Role.LEAD) as client:
            for page in ("overview", "quality"):
                (folder / f"{name}_{page}.html").write_text(client.get(f"/dashboard/{page}").text, encoding="utf-8")
        if pictures:
            with served(self.project) as (context, owner), browser() as running:
                page = running.new_page(viewport={"width": 1240, "height": 1600})
                page.goto(f"{owner.url}/enter#{context.ledger.renew_link('Lea')}")
                page.wait_for_url(lambda address: "/enter" not in address)
                for shown in ("overview", "quality"):
                    page.goto(f"{owner.url}/dashboard/{shown}")
                    page.wait_for_timeout(2500)
                    page.screenshot(path=folder / f"{name}_{shown}.png", full_page=True)


def small_truth(clip: Clip, frame_idx: int) -> Mask:
    """Return the mask of a frame at the size of the project's frames."""
    mask = clip.truth(frame_idx).get(OBJECT)
    return np.zeros(clip.size, bool) if mask is None else mask


def write_frames(clip: Clip, folder: Path) -> None:
    """Write the frames of a clip, made smaller and without their masks."""
    folder.mkdir(parents=True)
    for i in range(clip.n_frames):
        picture = cv2.cvtColor(clip.read(i), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{i:05d}.png"), picture)


def told(step: str, **more: Any) -> None:
    """Print a line of what came."""
    click.echo(json.dumps({"step": step, **more}))


def commands(campaign: Campaign, iou: float, error: float) -> bool:
    """Certify, verify and export by the command line; returns whether something is accepted."""
    at = ["--project", str(campaign.project.root)]
    certificate, out = campaign.root / "certificate.json", campaign.root / "certified"
    if not certificate.is_file():
        given = ["certify", *at, "--iou", f"{iou:g}", "--error", f"{error:g}", "--out", str(certificate)]
        found = CliRunner().invoke(command_line, given)
        told("certify", code=found.exit_code, said=found.output.strip())
    if not certificate.is_file():
        return False
    for given in (
        ["certificate", "verify", str(certificate), *at],
        ["export", *at, "--format", "coco", "--out", str(out / "labels.json"), "--only", "certified"],
    ):
        found = CliRunner().invoke(command_line, given)
        told(" ".join(given[:2]), code=found.exit_code, said=found.output.strip()[-900:])
    return bool(json.loads(certificate.read_text(encoding="utf-8"))["accepted"])


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--data", "folders", required=True, multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--work", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--rounds", default=8, show_default=True, help="Rounds at most.")
@click.option("--per-round", default=6, show_default=True, help="Frames of a round.")
@click.option("--target", default=0.85, show_default=True, help="Share of good masks that ends the campaign.")
@click.option("--judged", default=100, show_default=True, help="Judgements of a delivery that counts.")
@click.option("--error", default=0.1, show_default=True, help="To certify.")
@click.option("--pictures", is_flag=True, help="Take pictures of the pages.")
def main(
    names: tuple[str, ...],
    folders: tuple[Path, ...],
    work: Path,
    rounds: int,
    per_round: int,
    target: float,
    judged: int,
    error: float,
    pictures: bool,
) -> None:
    """Play the campaign of the clips NAMES and print a line for each thing that came of it."""
    started = time.process_time()
    settings = Settings().changed(
        {
            "annotator.backend": "page",
            "annotator.ahead": 0,
            "annotator.refiner_seconds": 0.0,
            "selection.frames_per_round": per_round,
            "stopping.max_rounds": rounds,
            "stopping.target_quality": target,
            "audit.judged": judged,
            "propagation.methods": ["flow"],
        }
    )
    found = [clip for folder in folders for clip in clips_of(folder, None, LONG_SIDE) if clip.name in names]
    if len(found) != len(names):
        raise click.BadParameter(f"expected clips of {', '.join(map(str, folders))}, got {', '.join(names)}")
    campaign = Campaign(work, found, settings)
    ledger = Ledger(campaign.project.ledger_path)
    reason = last.stop_reason if (last := ledger.last_round()) is not None else None
    while reason is None:
        reason = campaign.play()
        round_id = ledger.last_round().round_id
        if round_id == 1:
            campaign.pages("before", pictures)
        outlook = target_outlook(ledger, settings, estimates_now(campaign.project, ledger))
        seconds = sum(s for _, _, s in ledger.human_effort())
        told("round", round=round_id, human_seconds=seconds, open_audits=n_open(ledger), target=outlook.in_words())
    told("stop", reason=reason, cpu=round(time.process_time() - started))
    campaign.answer(0)
    for figure in campaign.figures(ledger):
        told("estimate", **figure)
    if commands(campaign, settings.audit.iou, error) and len(ledger.rounds()) <= rounds:
        before = ledger.last_delivered_round()
        campaign.settings = settings.changed({"stopping.target_quality": 0.0, "stopping.max_rounds": rounds + 1})
        campaign.play()
        kept = campaign.accepted(ledger, ledger.last_delivered_round())
        certified = json.loads((work / "certificate.json").read_text(encoding="utf-8"))
        masks = {
            (v, i, m.track_id): m.rle
            for v, path in ledger.delivered_paths(before).items()
            for i, found_here in read_delivered(campaign.project.absolute(path))
            for m in found_here
        }
        same = sum(masks.get(key) == rle for key, rle in kept.items())
        told("frozen", certified=sum(a["masks"] for a in certified["accepted"]), delivered=len(kept), same=same)
    campaign.pages("after", pictures)
    told("done", cpu=round(time.process_time() - started))


if __name__ == "__main__":
    main()
