"""What a label of each kind makes of a propagated mask, and what it costs, on real clips in DAVIS layout.

Each clip is cut into pieces; the first and last frame of a piece are labelled, flow carries their masks, and the
frames between are answered with each kind from the mask that came out. Frames that are accepted as they are count.

python -m tests.bench.accuracy.label_kinds --data FOLDER --sequences dog,libby
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.evaluation.metrics import j_and_f
from al_core.footage.images import read_image, read_indices
from al_core.interactive import Click, ClickMemory, refine_with_clicks, starting_from
from al_core.interactive.gestures import next_click
from al_core.masks.rle import decode, encode
from al_core.masks.soft import Window, patch_of, resample
from al_core.oracle import SimulatedAnnotator, request_rng
from al_core.propagation.flow import FlowPropagator
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel
from al_core.settings import AnnotatorSettings, PropagationSettings
from al_core.stores.optical_flow import FlowStore

KINDS = (
    LabelKind.ACCEPT, LabelKind.CLICK, LabelKind.BOX, LabelKind.SCRIBBLE, LabelKind.POLYGON, LabelKind.MASK,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Case:
    """A frame with a propagated mask.

    Attributes:
        truth, proposal: of one object, with track 1.
        probability: float32 [h, w].
    """

    name: str
    image: np.ndarray
    truth: FrameLabel
    proposal: FrameLabel
    probability: np.ndarray


class Clip:
    """The first frames of a sequence in DAVIS layout; all objects count as one."""

    def __init__(self, data: Path, name: str, n_frames: int) -> None:
        self.name = self.sha256 = name
        self._files = sorted((data / "JPEGImages" / "480p" / name).glob("*.jpg"))[:n_frames]
        self._masks = sorted((data / "Annotations" / "480p" / name).glob("*.png"))[:n_frames]
        if not self._files or len(self._files) != len(self._masks):
            raise click.BadParameter(f"{name}: expected as many frames as masks below {data}/.../480p/{name}")
        self.n_frames = len(self._files)
        self.size = self.truth(0).shape

    def read(self, frame_idx: int) -> np.ndarray:
        return read_image(self._files[frame_idx])

    def truth(self, frame_idx: int) -> np.ndarray:
        return np.asarray(read_indices(self._masks[frame_idx])[0] > 0)


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequences", required=True, help="Names, separated by commas.")
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for flow.")
@click.option("--gap", default=20, show_default=True, help="Frames between two labels.")
@click.option("--frames", "n_frames", default=41, show_default=True, help="Frames of each clip.")
@click.option("--every", default=5, show_default=True, help="Every so many frames one is answered.")
def main(data: Path, sequences: str, cache: Path, gap: int, n_frames: int, every: int) -> None:
    """Table: kind -> mean J before and after, human seconds per object, computing time."""
    found = [case for name in sequences.split(",") for case in cases(Clip(data, name, n_frames), cache, gap, every)]
    wrong = [case for case in found if overlap(case.proposal, case.truth) < 0.9]
    Console().print(f"{len(found)} frames, {len(wrong)} of them with J below 0.9")
    table = Table("asked for", "answers", "J before", "J after", "made worse", "seconds", "ms of computing")
    for kind in track(KINDS, "answering", transient=True):
        table.add_row(kind.value, *row(found, kind))
    table.add_section()
    for clicks in (1, 2, 3):
        settings = AnnotatorSettings(judgement_error=0)
        table.add_row(f"{clicks} clicks, J < 0.9", *clicked(wrong, clicks, settings))
    for kind in track(KINDS[2:], "answering", transient=True):
        table.add_row(f"{kind}, J < 0.9", *row(wrong, kind))
    for kind in (LabelKind.BOX, LabelKind.POLYGON):
        table.add_row(f"{kind}, nothing shown", *row([without_proposal(c) for c in found], kind))
    Console(width=120).print(table)


def cases(clip: Clip, cache: Path, gap: int, every: int) -> Iterator[Case]:
    """Frames between labels, every ``every``-th, with what flow carried there."""
    marks = range(0, clip.n_frames, gap)
    labels = {i: {1: clip.truth(i)} for i in marks}
    for frame in FlowPropagator(FlowStore(cache), PropagationSettings()).propagate(clip, labels):
        if frame.frame_idx in labels or frame.frame_idx % every:
            continue
        truth, carried = clip.truth(frame.frame_idx), frame.tracks.get(1)
        if not truth.any() or carried is None:
            continue
        whole = Window(0, 0, clip.size[1], clip.size[0])
        probability = resample(patch_of(carried.mask), carried.mask.size, clip.size).on(whole)
        image = clip.read(frame.frame_idx)
        ref = FrameRef(1, frame.frame_idx)
        yield Case(clip.name, image, label(ref, truth), label(ref, probability > 0.5), probability)


def label(frame: FrameRef, mask: np.ndarray) -> FrameLabel:
    """One object, or nothing where the mask is empty."""
    return FrameLabel(frame, (MaskLabel(1, 1, encode(mask)),) if mask.any() else ())


def without_proposal(case: Case) -> Case:
    """The same frame, nothing known of it."""
    nothing = np.zeros_like(case.probability)
    return replace(case, proposal=FrameLabel(case.truth.frame, ()), probability=nothing)


def row(found: list[Case], kind: LabelKind) -> list[str]:
    """Mean J before and after, share of frames made worse, mean seconds, mean time of an answer."""
    started = time.process_time()
    answers = [answered(case, kind, AnnotatorSettings()) for case in found]
    spent = 1000 * (time.process_time() - started) / max(1, len(found))
    kinds = {str(a.kind): sum(b.kind is a.kind for b in answers) for a in answers}
    labelled = [(c, a.label) for c, a in zip(found, answers, strict=True) if a.kind is not LabelKind.REJECT]
    before = np.array([overlap(c.proposal, c.truth) for c, _ in labelled])
    after = np.array([overlap(got, c.truth) for c, got in labelled])
    told = ", ".join(f"{n} {name}" for name, n in sorted(kinds.items()))
    return [told, *figures(before, after), f"{np.mean([a.seconds for a in answers]):.1f}", f"{spent:.0f}"]


def clicked(found: list[Case], clicks: int, settings: AnnotatorSettings) -> list[str]:
    """The same for a fixed number of clicks, whether or not fewer are enough."""
    started = time.process_time()
    masks = [click_by_click(case, clicks, settings) for case in found]
    spent = 1000 * (time.process_time() - started) / max(1, len(found))
    before = np.array([overlap(c.proposal, c.truth) for c in found])
    after = np.array([overlap(label(c.truth.frame, m), c.truth) for c, m in zip(found, masks, strict=True)])
    seconds = settings.accept_seconds + settings.click_overhead_seconds + clicks * settings.click_seconds
    return [f"{len(found)}", *figures(before, after), f"{seconds:.1f}", f"{spent:.0f}"]


def click_by_click(case: Case, clicks: int, settings: AnnotatorSettings) -> np.ndarray:
    """The mask after so many clicks, each placed after the refinement before it."""
    rng = request_rng(0, f"{case.name}{case.truth.frame.frame_idx}")
    truth, mask, made = decode(case.truth.objects[0].rle), case.probability > 0.5, list[Click]()
    memory = ClickMemory()
    for _ in range(clicks):
        one = next_click(mask, truth, settings.click_noise_pixels, rng)
        if one is None:
            break
        made.append(one)
        mask = refine_with_clicks(case.image, starting_from(case.probability, made), made, memory)
    return mask


def answered(case: Case, kind: LabelKind, settings: AnnotatorSettings) -> Answer:
    """What the simulated annotator says of a case."""
    request = LabelRequest(f"{case.name}-{case.truth.frame.frame_idx}", 1, case.truth.frame, 0, "", kind)
    annotator = SimulatedAnnotator(lambda frame: case.truth, settings)
    rng = request_rng(0, request.request_id)
    return annotator.answer(request, rng, case.proposal, case.image, {1: case.probability})


def figures(before: np.ndarray, after: np.ndarray) -> list[str]:
    """Mean J before and after, and the share of frames that lost more than .002."""
    if not len(before):
        return ["-", "-", "-"]
    return [f"{before.mean():.3f}", f"{after.mean():.3f}", f"{np.mean(after < before - 0.002):.2f}"]


def overlap(found: FrameLabel, truth: FrameLabel) -> float:
    """J of the only object; 0 where it was not found."""
    return float(j_and_f(decode(found.objects[0].rle), decode(truth.objects[0].rle)).j) if found.objects else 0.0


if __name__ == "__main__":
    main()
