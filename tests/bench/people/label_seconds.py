"""What labelling costs a person who starts from propagated masks, and one who starts from nothing.

Twenty frames of a real clip are labelled twice through the labelling page in a headless Chromium, by a scripted person
(see ``scripted_person``), ending at the same masks, which is checked in both ledgers. Before, a few other frames are
labelled with the truth, and flow carries their masks to all frames. With ``--tool clicks`` the person first brings each
mask near by a box and clicks, as long as that saves outlining, and outlines the rest; the two ways then end at masks
that differ by what is thinner than the eye sees.

The person corrects what is visibly wrong: wherever the shown mask and the truth differ in a region that a disc of
TOLERANCE pixels fits into. What is thinner is left as it is shown. From nothing, the person draws what came of that.

With ``--start discovered`` nobody has labelled anything before, and what moves by itself is shown, as in the first
round of a fresh project (docs/discovery.md).

python -m tests.bench.people.label_seconds --data DAVIS_FOLDER
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from al_core.discovery.motion import moving_in
from al_core.evaluation.metrics import j_and_f
from al_core.footage.clips import Clip, clips_of
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode, encode
from al_core.project import Project
from al_core.propagation import Resources
from al_core.records import Answer, DeliveredMask, LabelKind, LabelRequest, Provenance, Selected
from al_core.records import FrameRef as Frame
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from al_core.stores.optical_flow import FlowStore
from tasks.benchmark.one_clip import evenly, labels_of, propagate_clip
from tasks.project.ingest import ingest_paths
from tests.bench.people.scripted_person import Mask, Pace, ScriptedPerson
from tests.bench.people.scripted_tools import ToolUser, overlap, visible
from tests.toys.web.browser import browser
from tests.toys.web.serving import served

VIEWPORT = {"width": 1920, "height": 1080}

NEAR = 0.1
"""Overlap (IoU) from which what moves is taken for a rough outline of an object."""

Masks = dict[int, Mask]
"""By track."""


@dataclass(frozen=True)
class Edit:
    """What a person does to one object: from the mask it has, some is added and some taken away."""

    track: int
    shown: bool
    mask: Mask
    add: Mask
    cut: Mask

    @property
    def result(self) -> Mask:
        """The mask after it."""
        return (self.mask | self.add) & ~self.cut


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True), help="A folder in DAVIS layout.")
@click.option("--sequence", default=None, help="One of its sequences; the first when none is given.")
@click.option("--frames", "n_frames", default=20, show_default=True)
@click.option("--labels", "n_labels", default=2, show_default=True, help="Frames that are labelled before.")
@click.option("--start", default="propagated", show_default=True, type=click.Choice(["propagated", "discovered"]))
@click.option("--tool", default="outlines", show_default=True, type=click.Choice(["outlines", "clicks"]))
def main(data: Path, sequence: str | None, n_frames: int, n_labels: int, start: str, tool: str) -> None:
    """Label the same frames twice and print what it took."""
    by_clicks, fresh = tool == "clicks", start == "discovered"
    clip = clips_of(data, [sequence] if sequence else None)[0]
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as scratch:
        before = [] if fresh else evenly(clip.n_frames, n_labels)
        asked = spread([i for i in clip.truth_frames if i not in before], n_frames)
        delivered = (discovered if fresh else partial(propagated, before=before))(clip, cache=Path(scratch) / "flow")
        with browser() as running:
            shown = Arm(Path(scratch) / "shown", clip, before, asked, delivered, by_clicks)
            corrected = shown.label(running, lambda i, known: edits_of(known, clip.truth(i)))
            nothing = Arm(Path(scratch) / "nothing", clip, before, asked, {}, by_clicks)
            nothing.label(running, lambda i, _: edits_of({}, {t: m for t, m in corrected[i].items() if m.any()}))
        first, second = shown.stored(), nothing.stored()
        same = all(same_masks(first[i], second[i]) and same_masks(first[i], corrected[i]) for i in asked)
        blank = np.zeros(clip.size, bool)
        quality = [j_and_f(first[i].get(t, blank), mask).j for i in asked for t, mask in clip.truth(i).items()]
    report(console, clip, asked, {f"{start} masks": shown.person, "nothing": nothing.person})
    drawn = [j_and_f(second[i].get(t, blank), mask).j for i in asked for t, mask in clip.truth(i).items()]
    console.print(f"by {tool}; same masks in both ledgers, to the pixel: {same}")
    console.print(f"J with the truth {np.mean(quality):.3f} from shown masks, {np.mean(drawn):.3f} from nothing")
    if not same and not by_clicks:
        raise SystemExit("the masks differ: the figures say nothing")


def spread(frames: Sequence[int], count: int) -> list[int]:
    """Evenly spaced ones of some frames."""
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[i] for i in places]


def discovered(clip: Clip, cache: Path) -> dict[int, list[DeliveredMask]]:
    """What moves by itself, by frame; what lies on an object has its number."""
    small = Clip(clip.source, Settings().frames.working_long_side)
    found = {}
    for frame_idx, objects in moving_in(FlowStore(cache), small):
        truth, masks = clip.truth(frame_idx), []
        for seen in objects:
            mask = np.asarray(cv2.resize(seen.mask.full(), clip.size[::-1]) > 0.5)
            near = [track for track in truth if overlap(mask, truth[track]) > NEAR]
            taken = {m.track_id for m in masks}
            number = next((t for t in near if t not in taken), max([*truth, *taken], default=0) + 1)
            confidence = seen.confidence
            masks.append(DeliveredMask(frame_idx, number, 1, Provenance.DISCOVERED, confidence, encode(mask)))
        found[frame_idx] = masks
    return found


def propagated(clip: Clip, before: Sequence[int], cache: Path) -> dict[int, list[DeliveredMask]]:
    """What flow makes of the labels, by frame."""
    settings = Settings()
    frames = Clip(clip.source, settings.frames.working_long_side)
    labels = labels_of(clip, before)
    resources = Resources(settings.propagation, cache, seed=settings.seed)
    return dict(propagate_clip(frames, labels, clip.size, ["flow"], resources))


def edits_of(shown: Masks, truth: Masks) -> list[Edit]:
    """What a person does to get from the shown masks to the truth, as far as the eye tells; by track."""
    edits = []
    for track in sorted({*shown, *truth}):
        blank = np.zeros_like(next(iter({**shown, **truth}.values())))
        before, after = shown.get(track, blank), truth.get(track, blank)
        add, cut = after & ~before, before & ~after
        known = track in shown
        edits.append(Edit(track, known, before, visible(add) if known else add, visible(cut)))
    return edits


class Arm:
    """A project in which the frames are asked for, and a scripted person who labels them."""

    def __init__(
        self,
        root: Path,
        clip: Clip,
        before: Sequence[int],
        asked: Sequence[int],
        delivered: Mapping[int, list[DeliveredMask]],
        by_clicks: bool = False,
    ) -> None:
        self._by_clicks = by_clicks
        self._project = Project.at(root)
        self._asked = asked
        self._shown = {i: {m.track_id: decode(m.rle) for m in delivered.get(i, [])} for i in asked}
        self.person: ScriptedPerson | None = None
        ledger = Ledger(self._project.ledger_path)
        with ledger.held():
            assert not ingest_paths(ledger, [clip.source.path]).failed
            ledger.begin_round(Settings())
            marks = [Selected(Frame(1, i), rank, 0.0, "labelled before") for rank, i in enumerate(before)]
            labels = labels_of(clip, before)
            requests = [LabelRequest.of(1, mark) for mark in marks]
            ledger.put_requests(requests)
            for r in requests:
                label = labels[r.frame.frame_idx]
                own = type(label)(r.frame, label.masks)
                ledger.put_answer(Answer(r.request_id, r.request_id, own, LabelKind.MASK, 0.0, "before"))
            if delivered:
                path = self._project.round_dir(1) / "delivered" / "1.parquet"
                summary = write_delivered(path, (m for masks in delivered.values() for m in masks))
                ledger.put_delivered(1, 1, self._project.relative(path), len(delivered), summary)
            ledger.finish_round(1, None)
            ledger.begin_round(Settings())
            chosen = [Selected(Frame(1, i), rank, 0.0, "to be timed") for rank, i in enumerate(asked)]
            ledger.put_selection(2, "uniform", chosen)
            ledger.put_requests([LabelRequest.of(2, mark) for mark in chosen])

    def label(self, running: Any, plan: Any) -> dict[int, Masks]:
        """Label every frame; ``plan(frame, shown masks)`` gives the edits. Returns what came of them."""
        results = {}
        with served(self._project) as (context, owner):
            key = context.ledger.add_annotator("scripted")
            page = running.new_page(viewport=VIEWPORT)
            page.goto(f"{owner.url}/enter#{key}")
            self.person = ScriptedPerson(page, Pace())
            page.wait_for_function("() => globalThis.fewframes?.work.task")
            self.person.thin_brush()
            for _ in self._asked:
                results.update([self._label_frame(page, plan)])
            page.wait_for_selector("#app[data-state=empty]")
            page.close()
        return results

    def _label_frame(self, page: Any, plan: Any) -> tuple[int, Masks]:
        page.wait_for_function("() => fewframes.work.task?.image && !fewframes.work.sending")
        frame = page.evaluate("() => fewframes.work.task.frame.frame_idx")
        shown, person = self._shown[frame], self.person
        person.look()
        person.key("p")
        edits = plan(frame, shown)
        for edit in sorted(edits, key=lambda edit: not edit.shown):
            self._do(page, edit)
        person.key("Enter")
        page.wait_for_function(f"() => fewframes.work.task?.frame.frame_idx !== {frame}")
        return frame, {edit.track: edit.result for edit in edits}

    def _do(self, page: Any, edit: Edit) -> None:
        person = self.person
        person.look()
        if not edit.shown:
            person.key("n")
            ToolUser(page, person).number(edit.track)
        assert page.evaluate("() => fewframes.drawing().selected.track") == edit.track
        if not edit.result.any():
            person.key("Delete")
            return
        if self._by_clicks:
            self._refine_first(page, edit)
        else:
            mask = person.draw(edit.mask, edit.add)
            person.draw(mask, edit.cut, fill=False)
        if edit.shown:
            person.key("a")

    def _refine_first(self, page: Any, edit: Edit) -> None:
        person, wanted = self.person, edit.result
        mask = ToolUser(page, person).refined(edit.track, wanted)
        person.key("p")
        mask = person.draw(mask, visible(wanted & ~mask))
        person.draw(mask, visible(mask & ~wanted), fill=False)

    def stored(self) -> dict[int, Masks]:
        """What the ledger holds of the frames."""
        labels = Ledger(self._project.ledger_path).human_labels()
        wanted = {label.frame.frame_idx: label for label in labels if label.frame.frame_idx in self._asked}
        return {i: {m.track_id: decode(m.rle) for m in label.objects} for i, label in wanted.items()}


def same_masks(one: Masks, other: Masks) -> bool:
    """Whether two frames hold the same objects, to the pixel; objects without pixels are none."""
    seen = [{t: m for t, m in masks.items() if m.any()} for masks in (one, other)]
    return seen[0].keys() == seen[1].keys() and all(np.array_equal(seen[0][t], seen[1][t]) for t in seen[0])


def report(console: Console, clip: Clip, asked: Sequence[int], people: dict[str, ScriptedPerson]) -> None:
    """A table of actions and seconds, and how much faster the first is than the second."""
    columns = ("from", "looks", "keys", "outlines", "dots", "clicks", "drags", "actions", "seconds", "seconds a frame")
    table = Table(*columns, title=f"{clip.name}: {len(asked)} frames of {clip.size[1]}x{clip.size[0]} pixels")
    for name, person in people.items():
        did = person.actions
        counts = (did["looks"], did["keys"], did["outlines"], did["dots"], did["clicks"], did["drags"], did.total())
        seconds = (f"{person.seconds:.1f}", f"{person.seconds / len(asked):.1f}")
        table.add_row(name, *map(str, counts), *seconds)
    console.print(table)
    shown, nothing = people.values()
    for factor in (0.5, 1, 2):
        a, b = (p.seconds + (factor - 1) * p.tracing for p in (shown, nothing))
        console.print(f"tracing at {factor:g} of the assumed time: {a:.0f} s against {b:.0f} s, {b / a:.2f}x")
    a, b = (p.seconds - p.dotting for p in (shown, nothing))
    console.print(f"without single pixels, which few people would draw: {a:.0f} s against {b:.0f} s, {b / a:.2f}x")
    console.print(f"assumed: {Pace()}")


if __name__ == "__main__":
    main()
