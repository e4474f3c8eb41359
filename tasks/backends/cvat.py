"""People label in CVAT: each round is a folder of frames and masks to upload, and CVAT's export is dropped into the
inbox.

``outbox/round-0001/`` holds the frames in ``images/`` under names that never change, ``annotations.xml`` with the masks
to start from, ``labels.json`` for the constructor of a CVAT task, and a ``README.txt``. With ``annotator.cvat_url``
the round is also made a task on that server.

Files in ``inbox/`` are read as ``tasks/backends/drop_folder.py`` says. CVAT's export lists every frame of a task, so
that one that comes back as it was sent is an answer only with the tag "frame done".
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from al_core.campaign.answer_kind import answer_kind
from al_core.campaign.pricing import label_seconds
from al_core.errors import BadLabel
from al_core.exchange.attributes import offered
from al_core.exchange.cvat import SentFrame, label_specs, read_cvat, write_cvat
from al_core.exchange.drawn import Asked, DrawnFrame, FileContent, frame_label
from al_core.files import json_bytes, write_whole
from al_core.footage.images import png_bytes
from al_core.records import Answer, FrameLabel, LabelRequest
from tasks.backends.cvat_upload import upload_round
from tasks.backends.drop_folder import SETTLE_SECONDS, DropFolder, Understood, asked_by
from tasks.backends.shown import ShownMasks, all_requests, asked_frames
from tasks.steps.context import RoundContext

SUFFIXES = (".xml", ".zip")


class CvatBackend:
    """Lays a round out as CVAT takes it, and reads what CVAT exports.

    Args:
        settle_seconds: how long a file must rest before it is read.
    """

    shows_prelabels = True
    revisable = True

    def __init__(self, context: RoundContext, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._project = context.project
        self._ledger = context.ledger
        self._frames = context.frames
        self._settings = context.settings
        self._dropped = DropFolder(context.project, settle_seconds)
        self._shown = ShownMasks(context.project.root / "cvat" / "shown")

    def submit(self, requests: Sequence[LabelRequest], prelabels: Mapping[str, FrameLabel]) -> None:
        """Write frames, masks, labels and instructions; what lies there already is left as it is.

        Raises:
            MissingDependency: there is a server to upload to, and ``cvat-sdk`` or the token is missing.
            ToolUnreachable: that server does not answer; the files are there.
        """
        self._project.inbox.mkdir(parents=True, exist_ok=True)
        for round_id in sorted({request.round_id for request in requests}):
            mine = sorted((r for r in requests if r.round_id == round_id), key=lambda request: request.rank)
            folder = self._project.outbox / f"round-{round_id:04d}"
            self._lay_out(folder, mine, prelabels)
            if self._settings.annotator.cvat_url:
                # Without the place, a copy of this project would find the task there and take it for its own.
                name = f"{self._project.root.name} ({self._project.place}), round {round_id}"
                upload_round(folder, name, self._settings.annotator)

    def collect(self, request_ids: Sequence[str]) -> list[Answer]:
        """Read new files, then give the answers to each request, the newest last."""
        self._take_in(asked_frames(self._ledger))
        requests = all_requests(self._ledger)
        categories = self._ledger.category_ids()
        found = self._dropped.understood(i for i in request_ids if i in requests)
        return [self._answer(requests[i], categories, understood) for i, understood in found]

    def rejected(self) -> list[str]:
        """Return one message per file or frame that cannot be used or was read in a way to know of; each once."""
        return self._dropped.rejected()

    def _lay_out(self, folder: Path, requests: Sequence[LabelRequest], prelabels: Mapping[str, FrameLabel]) -> None:
        videos = {video.video_id: video for video in self._ledger.videos()}
        categories = self._ledger.categories()
        sent = []
        for request in requests:
            image = folder / "images" / f"{request.request_id}.png"
            if not image.is_file():
                write_whole(image, png_bytes(self._frames.read_full(request.frame)))
            video = videos[request.frame.video_id]
            label = self._shown.keep(request, prelabels.get(request.request_id))
            sent.append(SentFrame(image.name, video.height, video.width, label))
        said = offered(self._settings.annotator.attributes, (one.label for one in sent if one.label), categories)
        files = {
            "annotations.xml": write_cvat(folder.name, sent, categories, said),
            "labels.json": json_bytes(label_specs(categories.values(), said)),
            "README.txt": _INSTRUCTIONS.encode(),
        }
        for name, content in files.items():
            if not (folder / name).is_file():
                write_whole(folder / name, content)

    def _take_in(self, known: Mapping[str, Asked]) -> None:
        requests = all_requests(self._ledger)
        categories = self._ledger.category_ids()

        def read(path: Path) -> FileContent[DrawnFrame]:
            if path.suffix.lower() not in SUFFIXES:
                raise BadLabel(f"{path.name}: expected what CVAT exports (.xml or .zip), got {path.suffix!r}")
            content = read_cvat(path, asked_by(path, known, SUFFIXES))
            answered, faults = {}, list(content.faults)
            for request_id, frame in content.frames.items():
                try:
                    label = frame_label(requests[request_id].frame, frame.drawn, categories)
                except BadLabel as error:
                    faults.append(f"{path.name}: {request_id}: {error}")
                    continue
                if frame.done or not _same(label, self._shown.of(requests[request_id])):
                    answered[request_id] = frame.drawn
            if faults and not answered:
                raise BadLabel("; ".join(faults))
            return FileContent(answered, tuple(faults), content.notes)

        self._dropped.take_in(read)

    def _answer(self, request: LabelRequest, categories: Mapping[str, int], understood: Understood) -> Answer:
        label = frame_label(request.frame, understood.drawn, categories)
        shown = self._shown.of(request)
        kind = answer_kind(label.masks, shown.masks if shown else ())
        seconds = label_seconds(self._settings.annotator, kind, max(1, len(label.objects)))
        return Answer(understood.answer_id, request.request_id, label, kind, seconds, "cvat")


def _same(label: FrameLabel, shown: FrameLabel | None) -> bool:
    """Tell whether a frame came back as it was sent, what is said beside the masks included."""
    came, went = ({(mask, mask.attributes) for mask in masks} for masks in (label.masks, shown.masks if shown else ()))
    return came == went


_INSTRUCTIONS = """Frames that wait for labels, for CVAT
=====================================

1. Make a task: paste labels.json into "Raw" of the constructor, upload the files in images/. Do not rename
   them: the names say which frame is which.
2. Upload annotations.xml into the task (Actions, Upload annotations, format "CVAT 1.1"): the masks to start from.
3. Correct masks, draw missing ones with the brush or as polygons, delete wrong ones. The attribute "number" says which
   object it is; the same object keeps its number in all frames of a video. "(ignore)" marks regions that count neither
   as object nor as background. CVAT's own mark says that an object is occluded, boxes to tick say what else is asked.
4. Give the tag "frame done" to every frame that is right as it was sent, and to every frame in which nothing is to be
   labelled. Without the tag, a frame that nobody changed counts as not looked at.
5. Export in the format "CVAT for images 1.1" and drop the .zip or .xml into the folder "inbox" beside "outbox".

Then give the same command again. An export may be dropped as often as you like, also half done: what is in it counts,
a later one replaces an earlier one. Files that cannot be used go to inbox/rejected, each with the reason beside it.
"""
