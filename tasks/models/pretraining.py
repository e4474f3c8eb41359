"""Train networks on the whole footage of a project, for its propagators to start from (``fewframes pretrain``)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from al_core.errors import NotReady
from al_core.fingerprint import fingerprint
from al_core.footage.clips import ClipFrames
from al_core.ledger.file.ledger_clock import system_time
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.propagation import Resources, build
from al_core.propagation.base import Labels, Propagator
from al_core.propagation.shotwise import ShotFrames
from al_core.records import ONE_SHOT, FrameLabel, Progress, Video, fingerprint_labels
from al_core.settings import Settings, StudentSettings
from al_core.stores.disk_cache import DiskCache
from al_core.stores.pretrained import Pretrained, PretrainedNetworks
from tasks.project.ingest import open_frames
from tasks.steps.propagate import Decoded, VideoFrames, known_by_frame

if TYPE_CHECKING:
    from al_core.depth.depth_training import Lesson

ENCODER_STEPS = 1200
DISCOVERY_STEPS = 400
PARENT_STEPS = 1000
DEPTH_STEPS = 1000

CACHE_BYTES = 500_000_000

_FORMAT = "parent1"

Tell = Callable[[Progress], None]


def pretrain_encoder(
    project: Project, ledger: Ledger, settings: Settings, steps: int, on_progress: Tell | None = None
) -> Pretrained:
    """Train an encoder on all videos, labelled or not, and keep it with the project.

    A command that was stopped goes on where it was; on footage that is the same nothing is trained again.

    Raises:
        NotReady: the project has no video of two frames.
    """
    from al_core.networks.network_state import to_bytes
    from al_core.propagation.affinity.encoder_training import trained_on_all

    clips = [clip for clip, _ in _clips(project, ledger, settings)]
    if not clips:
        raise NotReady("an encoder learns on videos of two frames and more, and there is none; take some in first")
    side, disk = settings.propagation.flow_long_side, _cache(project)
    encoder = trained_on_all(clips, side, disk, steps, settings.seed, on_progress)
    return _kept(project, "encoder", to_bytes(encoder), _videos(ledger), steps)


def encoder_of_discovery(
    project: Project, ledger: Ledger, settings: Settings, steps: int, on_progress: Tell | None = None
) -> Pretrained:
    """Let the student of what moves learn, as for ``fewframes discover --method granularity``, and keep its encoder.

    A command that was stopped goes on where it was; on footage that is the same nothing is trained again.

    Raises:
        NotReady: nothing was found to move in any video.
    """
    from al_core.discovery.granularity.student import GranularityStudent
    from al_core.networks.network_state import to_bytes
    from tasks.discovery.finding import Search

    search = Search.begun(project, ledger, settings, GranularityStudent.name)
    # Not from the encoder that it is to replace.
    student = GranularityStudent(replace(search.teacher.means, encoder=None), steps=steps)
    clips = list(search.clips.values())
    student.learn(clips, search.given, np.random.default_rng(settings.seed), on_progress)
    return _kept(project, "encoder", to_bytes(student.network.encoder), _videos(ledger), steps)


def pretrain_depth(
    project: Project,
    ledger: Ledger,
    settings: Settings,
    steps: int,
    on_progress: Tell | None = None,
    focal: float | None = None,
) -> Pretrained:
    """Train a network that tells depth, and keep it with the project, with a card of what it learnt from.

    Its encoder is the backbone of the student. A command that was stopped goes on where it was; on footage that is the
    same nothing is trained again.

    Args:
        focal: focal length of the camera in units of the longer side of a frame; None: it is learnt, for each clip.

    Raises:
        NotReady: no camera moves; nothing was trained. BadSettings: the student cannot be built.
    """
    from al_core.depth.depth_training import lesson_of, trained_depth
    from al_core.networks.network_state import to_bytes

    found = _clips(project, ledger, settings)
    lesson = lesson_of([clip for clip, _ in found], [name for _, name in found])
    network = trained_depth(lesson, settings.student, _cache(project), steps, settings.seed, focal, on_progress)
    card = depth_card(settings.student, lesson, network.focal, focal)
    n_frames = sum(clip.n_frames for clip in lesson.clips)
    return _kept(project, "depth", to_bytes(network), _videos(ledger), steps, n_frames, card)


def depth_card(student: StudentSettings, lesson: "Lesson", focal: Sequence[float], given: float | None) -> str:
    """Return what is said of a network of depth: what it learnt from, and how its cameras moved."""
    height, width = lesson.size
    lines = [
        "# Depth, learnt from a moving camera",
        "",
        f"The encoder is the backbone of the student `{student.config}`; frames are seen at {width} x {height} pixels. "
        "What is told is nearness within one frame, not metres: one camera shows no scale.",
        "",
        "| clip | frames | frames between neighbours | median motion | focal length in longer sides |",
        "|---|---|---|---|---|",
    ]
    for name, clip, motion, length in zip(lesson.names, lesson.clips, lesson.motions, focal, strict=True):
        how = "given" if given else "learnt"
        lines.append(f"| {name} | {clip.n_frames} | {motion.apart} | {motion.moved:.1%} | {length:.2f} ({how}) |")
    return "\n".join([*lines, *(["", f"Left out: {lesson.left_out}."] if lesson.left_out else []), ""])


def pretrain_parent(
    project: Project, ledger: Ledger, settings: Settings, steps: int, on_progress: Tell | None = None
) -> Pretrained:
    """Train a parent of the specialist on the labelled frames of all videos, and keep it with the project.

    A command that was stopped goes on where it was; on labels that are the same nothing is trained again.

    Raises:
        NotReady: nobody has labelled an object yet.
    """
    from al_core.networks.network_state import kept_or_trained, to_bytes
    from al_core.propagation.specialist.network import new_network
    from al_core.propagation.specialist.training import train_parent

    store, shots = open_frames(project, ledger, settings.frames), ledger.shots()
    known: dict[int, list[FrameLabel]] = {}
    for label in (label for label in ledger.human_labels() if label.complete):
        known.setdefault(label.frame.video_id, []).append(label)
    videos = [video for video in _videos(ledger) if any(label.objects for label in known.get(video.video_id, ()))]
    if not videos:
        raise NotReady("a parent learns from frames that people labelled, and there is none with an object in it yet")

    def clip_of(video: Video) -> tuple[ClipFrames, Labels, Propagator]:
        clip = VideoFrames(store, video)
        resources = Resources(
            settings.propagation, project.cache, seed=settings.seed, shots=shots.get(video.video_id, ONE_SHOT)
        )
        labels = known_by_frame(clip, known[video.video_id], resources)
        return clip, Decoded(labels), build("flow", resources)

    side, seed = settings.propagation.flow_long_side, settings.seed
    learnt = [label for video in videos for label in known[video.video_id]]
    propagation = settings.propagation
    depends = [v.sha256 for v in videos], fingerprint_labels(learnt), propagation.flow_preset, propagation.backbone
    key = fingerprint([_FORMAT, *depends, side, steps, seed])
    network = new_network(seed, settings.propagation.on_backbone)
    trained = kept_or_trained(
        _cache(project),
        key,
        network,
        lambda keep: train_parent(network, [clip_of(v) for v in videos], side, steps, seed, keep, on_progress),
    )
    return _kept(project, "parent", to_bytes(trained), videos, steps, len(learnt))


def forget(project: Project, kind: str, at: datetime | None = None) -> bool:
    """Let rounds that begin from now on do without a kind of network; returns whether there was one."""
    return PretrainedNetworks(project.pretrained).end(kind, at or system_time())


def _videos(ledger: Ledger) -> list[Video]:
    excluded = ledger.excluded_videos()
    return [video for video in ledger.videos() if video.video_id not in excluded]


def _clips(project: Project, ledger: Ledger, settings: Settings) -> list[tuple[ClipFrames, str]]:
    """Return all shots of two frames and more, each with a name for people."""
    store, shots = open_frames(project, ledger, settings.frames), ledger.shots()
    found: list[tuple[ClipFrames, str]] = []
    for video in _videos(ledger):
        ranges = shots.get(video.video_id, ONE_SHOT).ranges(video.n_frames)
        whole = VideoFrames(store, video)
        if len(ranges) == 1:
            found.append((whole, video.name))
        else:
            found += [(ShotFrames(whole, shot), f"{video.name} from frame {shot.start}") for shot in ranges]
    return [(clip, name) for clip, name in found if clip.n_frames > 1]


def _cache(project: Project) -> DiskCache:
    return DiskCache(project.cache / "pretraining", CACHE_BYTES)


def _kept(
    project: Project,
    kind: str,
    weights: bytes,
    videos: list[Video],
    steps: int,
    frames: int | None = None,
    card: str = "",
) -> Pretrained:
    """Keep a network, unless rounds go by it already."""
    networks, sha256 = PretrainedNetworks(project.pretrained), hashlib.sha256(weights).hexdigest()
    for one in networks.newest():
        if (one.kind, one.sha256) == (kind, sha256) and networks.path(one).is_file():
            return one
    n_frames = sum(video.n_frames for video in videos) if frames is None else frames
    made = Pretrained(kind, sha256, system_time(), len(videos), n_frames, steps)
    networks.add(made, weights, card)
    return made
