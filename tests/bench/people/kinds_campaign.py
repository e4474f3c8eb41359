"""A campaign through the real labelling page: what people are asked for, what it takes them, and what comes of it.

Clips in DAVIS layout (one object each) are ingested without their masks; rounds choose frames and kinds of label, a
scripted person (see ``scripted_tools``) answers each in a headless Chromium, and flow carries the labels. No student is
trained. The ledger keeps the seconds that a real person would have taken. After each round: human seconds so far, what
was asked and answered, and J&F of all frames, those that were labelled included.

python -m tests.bench.people.kinds_campaign --data FOLDER --kinds accept,click,mask --budget 900 car-shadow libby
"""

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import numpy as np
from playwright.sync_api import TimeoutError

from al_core.evaluation.metrics import j_and_f
from al_core.footage.clips import Clip, clips_of
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode
from al_core.project import Project
from al_core.settings import Settings
from al_core.stores.delivered import read_delivered
from tasks.project.ingest import ingest_paths
from tasks.steps.context import RoundContext
from tasks.steps.table import collect, propagate, request, select
from tests.bench.people.scripted_person import Mask, Pace, ScriptedPerson
from tests.bench.people.scripted_tools import GOOD, ToolUser, overlap, visible
from tests.toys.web.browser import browser
from tests.toys.web.label_page import masks_of
from tests.toys.web.serving import served

VIEWPORT = {"width": 1440, "height": 900}
PATIENCE_MS = 4000
MOST_TRIES = 5
READY = """() => document.getElementById("app")?.dataset.state === "empty"
    || (globalThis.fewframes?.work.task?.image && !fewframes.work.sending)"""
GONE = """(id) => document.getElementById("app")?.dataset.state === "empty" || fewframes.work.sending
    || (fewframes.work.task && fewframes.work.task.request_id !== id)"""
LOOKS_MS = 800
CARDS = """() => fewframes.looks.cards.map(({ key, mask, task: { frame } }) => ({
    key, track_id: mask.track_id, rle: mask.rle, video: frame.video, frame_idx: frame.frame_idx }))"""
OBJECT = 1
"""Number of the only object of a clip."""


@click.command()
@click.argument("clips", nargs=-1, required=True)
@click.option("--data", required=True, multiple=True, type=click.Path(path_type=Path, exists=True))
@click.option("--kinds", default="mask", show_default=True, help="What people may be asked for, by commas.")
@click.option("--strategy", default="value", show_default=True)
@click.option("--frames", "n_frames", default=32, show_default=True, help="Frames of each clip, the first ones.")
@click.option("--per-round", default=8, show_default=True)
@click.option("--planned", default=48, show_default=True, help="Frames of the whole campaign at most.")
@click.option("--budget", default=600.0, show_default=True, help="Human seconds after which no round begins.")
@click.option("--rounds", default=8, show_default=True, help="Rounds at most.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for the flow, for several campaigns.")
@click.option("--work", type=click.Path(path_type=Path), help="Folder of the campaign, to go on with it later.")
@click.option("--discover", is_flag=True, help="Look for what moves before people have the first frames.")
@click.option("--minutes", default=1e6, help="No frame is begun after so long.")
def main(
    clips: tuple[str, ...],
    data: tuple[Path, ...],
    kinds: str,
    strategy: str,
    n_frames: int,
    per_round: int,
    planned: int,
    budget: float,
    rounds: int,
    cache: Path | None,
    work: Path | None,
    discover: bool,
    minutes: float,
) -> None:
    """Run one campaign on all CLIPS together and print a line for each round."""
    settings = Settings().changed(
        {
            "annotator.backend": "page",
            "annotator.kinds": kinds.split(","),
            "annotator.ahead": 0,
            "annotator.refiner_seconds": 0.0,
            "selection.strategy": strategy,
            "selection.frames_per_round": per_round,
            "stopping.max_human_frames": planned,
            "selection.control_share": 0.0,
            "propagation.methods": ["flow"],
            "discovery.methods": ["motion"] if discover else [],
        }
    )
    until = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as scratch, browser() as running:
        found = [_clip(data, name) for name in clips]
        campaign = Campaign(work or Path(scratch), found, n_frames, settings, cache)
        for _ in range(rounds):
            if campaign.seconds >= budget or time.monotonic() > until or not campaign.play(running, until):
                break


def _clip(data: Sequence[Path], name: str) -> Clip:
    for folder in data:
        with suppress(Exception):
            return clips_of(folder, [name])[0]
    raise click.BadParameter(f"expected a clip in DAVIS layout below {', '.join(map(str, data))}, got {name!r}")


class Campaign:
    """A project with a few clips, and a person who answers its rounds; one that was begun goes on."""

    def __init__(
        self, root: Path, clips: Sequence[Clip], n_frames: int, settings: Settings, cache: Path | None
    ) -> None:
        self._project = Project.at(root / "work", cache)
        self._settings = settings
        self._truth = {
            clip.name: {i: clip.truth(i).get(OBJECT, np.zeros(clip.size, bool)) for i in range(n_frames)}
            for clip in clips
        }
        ledger = Ledger(self._project.ledger_path)
        if (root / "footage").is_dir():
            return
        for clip in clips:
            folder = root / "footage" / clip.name
            folder.mkdir(parents=True)
            for file in sorted(Path(clip.source.path).glob("*.jpg"))[:n_frames]:
                shutil.copy(file, folder)
        with ledger.held():
            assert not ingest_paths(ledger, [root / "footage" / clip.name for clip in clips]).failed

    @property
    def seconds(self) -> float:
        """Human seconds so far."""
        return sum(seconds for _, _, seconds in Ledger(self._project.ledger_path).human_effort())

    def play(self, running: Any, until: float) -> bool:
        """Play one round, or go on with it, and print what it was; False where time was up in the middle of it."""
        ledger = Ledger(self._project.ledger_path)
        with ledger.held():
            round_id = ledger.begin_round(self._settings).round_id
            context = RoundContext.open(self._project, round_id)
            for step in (select, request):
                step.do(context)
            asked = Counter(str(r.kind) for r in ledger.requests(round_id))
        if not self._answer(running, until):
            return False
        with ledger.held():
            context = RoundContext.open(self._project, round_id)
            for step in (collect, propagate):
                step.do(context)
            ledger.finish_round(round_id, None)
            given = [g.answer for g in ledger.answers_given() if g.question.request.round_id == round_id]
            quality = self._quality(ledger, round_id)
        took: Counter[str] = Counter()
        for one in given:
            took[str(one.kind)] += round(one.seconds or 0.0)
        told = {"round": round_id, "seconds": round(self.seconds, 1), "jf": round(quality, 4), "asked": asked}
        click.echo(json.dumps({**told, "answered": Counter(str(one.kind) for one in given), "took": took}))
        return True

    def _quality(self, ledger: Ledger, round_id: int) -> float:
        """Mean J&F of all frames, each clip weighing the same."""
        names = {video.video_id: video.name for video in ledger.videos()}
        found = []
        for video_id, path in ledger.delivered_paths(round_id).items():
            delivered = dict(read_delivered(self._project.absolute(path)))
            truth = self._truth[names[video_id]]
            values = [j_and_f(_delivered(delivered.get(i, ()), mask), mask).jf for i, mask in truth.items()]
            found.append(float(np.mean(values)))
        return float(np.mean(found))

    def _answer(self, running: Any, until: float) -> bool:
        with served(self._project) as (context, owner):
            name = f"scripted{len(context.ledger.annotators())}"
            page = running.new_page(viewport=VIEWPORT)
            person = ScriptedPerson(page, Pace())
            Honest(page, person)
            page.goto(f"{owner.url}/enter#{context.ledger.add_annotator(name)}")
            page.wait_for_function(READY)
            while time.monotonic() < until and page.get_attribute("#app", "data-state") != "empty":
                self._label(page, person)
            done: bool = page.get_attribute("#app", "data-state") == "empty"
            page.close()
        return done

    def _label(self, page: Any, person: ScriptedPerson) -> None:
        page.wait_for_function(READY)
        if page.get_attribute("#app", "data-state") == "empty":
            return
        task = page.evaluate("() => { const { image, ...task } = fewframes.work.task; return task; }")
        if task["kind"] == "accept" and self._together(page, person):
            return
        truth = self._truth[task["frame"]["video"]][task["frame"]["frame_idx"]]
        person.look()
        answer(page, person, task, truth)
        for _ in range(MOST_TRIES):
            with suppress(TimeoutError):
                page.wait_for_function(GONE, arg=task["request_id"], timeout=PATIENCE_MS)
                return
            # A question, or a polygon that closed itself, took the key.
            person.key("Enter")
        raise RuntimeError(f"the page kept {task['request_id']} ({task['kind']}): {page.inner_text('#note')}")

    def _together(self, page: Any, person: ScriptedPerson) -> bool:
        """Judge several masks at once, where the page shows them; False where it does not."""
        page.wait_for_timeout(LOOKS_MS)
        cards = page.evaluate(CARDS)
        for card in cards:
            person.look()
            (shown,) = masks_of([card]).values()
            right = overlap(shown, self._truth[card["video"]][card["frame_idx"]]) >= GOOD
            for _ in range(1 if right else 2):
                person.key(card["key"])
        if cards:
            person.key("Enter")
            page.wait_for_function("() => !fewframes.looks.isOpen")
        return bool(cards)


class Honest:
    """Lets the page tell the server the seconds that a real person would have taken, whatever the script took."""

    def __init__(self, page: Any, person: ScriptedPerson) -> None:
        self._person, self._told = person, 0.0
        page.route("**/submit", self._tell)

    def _tell(self, route: Any) -> None:
        body = route.request.post_data_json
        body["seconds"] = round(self._person.seconds - self._told, 1)
        self._told = self._person.seconds
        route.continue_(post_data=json.dumps(body))


def answer(page: Any, person: ScriptedPerson, task: Mapping[str, Any], truth: Mask) -> None:
    """Answer a frame with the kind that is asked for; what is right is left as it is shown."""
    user = ToolUser(page, person)
    number = user.nearest(truth, OBJECT)
    shown = user.mask(number, truth)
    if not truth.any():
        person.key("0")
        return
    if task["kind"] == "accept" and shown.any():
        person.key("Enter" if overlap(shown, truth) >= GOOD else "Shift+n")
        return
    way = {"click": user.clicked, "box": user.boxed, "scribble": user.scribbled, "polygon": user.outlined}
    if not shown.any() or task["kind"] not in way:
        mask = user.refined(number, truth)
        person.key("p")
        mask = person.draw(mask, visible(truth & ~mask))
        person.draw(mask, visible(mask & ~truth), fill=False)
    elif overlap(shown, truth) < GOOD:
        way[task["kind"]](number, truth)
    person.key("Enter")


def _delivered(masks: Sequence[Any], like: Mask) -> Mask:
    found = np.zeros_like(like)
    for mask in masks:
        found |= decode(mask.rle)
    return found


if __name__ == "__main__":
    main()
