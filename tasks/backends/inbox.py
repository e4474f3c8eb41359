"""People label with whatever tool they like: frames lie in the outbox, label files are dropped into the inbox.

``outbox/round-0001/`` holds the frames of a round under names that never change, prelabels to correct, an
``index.json`` and a ``README.txt``; ``outbox/tracks.json`` says what the numbered objects are, and may be edited.

Files in ``inbox/`` are read as ``tasks/backends/drop_folder.py`` says.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from al_core.campaign.answer_kind import answer_kind
from al_core.campaign.pricing import label_seconds
from al_core.errors import BadLabel, UnknownName
from al_core.exchange.drawn import Asked, DrawnMask
from al_core.exchange.label_files import SUFFIXES, read_label_file
from al_core.exchange.readers.index_images import read_index_image
from al_core.files import json_bytes, write_whole
from al_core.footage.sources import DEFAULT_CATEGORY, IGNORE_INDEX
from al_core.ledger.store import Ledger
from al_core.masks.rle import area, decode
from al_core.records import IGNORE_CATEGORY, IGNORE_TRACK, Answer, FrameLabel, LabelRequest, MaskLabel, Video
from tasks.backends.drop_folder import SETTLE_SECONDS, DropFolder, Understood, asked_by
from tasks.backends.shown import ShownMasks, all_requests, asked_frames
from tasks.steps.context import RoundContext

_JPEG_QUALITY = 95


class InboxBackend:
    """Lays frames out in a folder and reads label files from another.

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
        self._shown = ShownMasks(context.project.inbox / "accepted" / "shown")

    # ---- what goes out

    def submit(self, requests: Sequence[LabelRequest], prelabels: Mapping[str, FrameLabel]) -> None:
        """Write frames, prelabels, index and instructions; what lies there already is left as it is."""
        self._project.inbox.mkdir(parents=True, exist_ok=True)
        videos = {video.video_id: video for video in self._ledger.videos()}
        self._tell_tracks(requests, prelabels, videos)
        asked = asked_frames(self._ledger)
        for round_id in sorted({request.round_id for request in requests}):
            mine = [request for request in requests if request.round_id == round_id]
            folder = self._project.outbox / f"round-{round_id:04d}"
            for request in mine:
                self._lay_out(folder, request, asked[request.request_id], prelabels.get(request.request_id))
            index = [self._entry(folder, request, videos[request.frame.video_id]) for request in mine]
            write_whole(folder / "index.json", json_bytes({"round": round_id, "requests": index}))
            write_whole(folder / "README.txt", _INSTRUCTIONS.format(example=mine[0].request_id).encode())

    def _lay_out(self, folder: Path, request: LabelRequest, asked: Asked, proposal: FrameLabel | None) -> None:
        import cv2

        image = folder / f"{request.request_id}.jpg"
        if not image.is_file():
            pixels = cv2.cvtColor(self._frames.read_full(request.frame), cv2.COLOR_RGB2BGR)
            _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
            write_whole(image, data.tobytes())
        shown = _proposal_file(folder, request)
        if proposal is not None and proposal.masks:
            if not shown.is_file():
                write_whole(shown, _index_png(proposal.masks))
            # The image says no categories, and where masks overlap it shows one of them.
            categories = {mask.track_id: mask.category_id for mask in proposal.masks}
            seen = read_index_image(shown, asked).masks
            masks = [MaskLabel(m.track_id, categories[m.track_id], m.rle) for m in seen if m.track_id in categories]
            self._shown.keep(request, FrameLabel(request.frame, tuple(masks)))

    def _entry(self, folder: Path, request: LabelRequest, video: Video) -> dict[str, Any]:
        shown = _proposal_file(folder, request)
        time_us = self._ledger.frame_times_us(video.video_id)[request.frame.frame_idx]
        return {
            "request_id": request.request_id,
            "frame": f"{request.request_id}.jpg",
            "proposal": f"{shown.parent.name}/{shown.name}" if shown.is_file() else None,
            "video": video.name,
            "frame_idx": request.frame.frame_idx,
            "time_seconds": int(time_us) / 1e6,
            "height": video.height,
            "width": video.width,
            "rank": request.rank,
            "reason": request.reason,
        }

    def _tell_tracks(
        self, requests: Sequence[LabelRequest], prelabels: Mapping[str, FrameLabel], videos: Mapping[int, Video]
    ) -> None:
        """Add categories and objects that are known by now to ``tracks.json``; what people wrote stays."""
        tracks = self._tracks()
        categories = self._ledger.categories()
        tracks["categories"] += [name for name in categories.values() if name not in tracks["categories"]]
        for video_id in sorted({request.frame.video_id for request in requests}):
            known = tracks["videos"].setdefault(videos[video_id].name, {})
            labels = [p for p in prelabels.values() if p.frame.video_id == video_id]
            for mask in (m for label in labels for m in label.objects):
                known.setdefault(str(mask.track_id), categories[mask.category_id])
        write_whole(self._tracks_file, json_bytes(tracks))

    # ---- what comes back

    def collect(self, request_ids: Sequence[str]) -> list[Answer]:
        """Read new files, then give the answers to each request, the newest last."""
        known = asked_frames(self._ledger)
        self._take_in(known)
        requests = all_requests(self._ledger)
        names = _TrackNames(self._tracks(), self._ledger)
        found = self._dropped.understood(i for i in request_ids if i in requests)
        return [self._answer(requests[i], known[i], names, understood) for i, understood in found]

    def rejected(self) -> list[str]:
        """Return one message per file or frame that cannot be used or was read in a way to know of; each once."""
        return self._dropped.rejected()

    def _take_in(self, known: Mapping[str, Asked]) -> None:
        categories = list(dict.fromkeys([*self._tracks()["categories"], *self._ledger.categories().values()]))
        self._dropped.take_in(lambda path: read_label_file(path, asked_by(path, known, SUFFIXES), categories))

    def _answer(self, request: LabelRequest, asked: Asked, names: "_TrackNames", understood: Understood) -> Answer:
        frame = understood.drawn
        label = FrameLabel(request.frame, tuple(names.labelled(request, mask) for mask in frame.masks))
        kind = answer_kind(label.masks, self._shown_masks(request, asked, names))
        seconds = frame.seconds
        if seconds is None:
            seconds = label_seconds(self._settings.annotator, kind, max(1, len(frame.objects)))
        return Answer(understood.answer_id, request.request_id, label, kind, seconds, "inbox")

    def _shown_masks(self, request: LabelRequest, asked: Asked, names: "_TrackNames") -> tuple[MaskLabel, ...]:
        """Return what the frame was shown with; where no categories were noted, they are those of ``tracks.json``."""
        kept = self._shown.of(request)
        if kept is not None:
            return kept.masks
        file = _proposal_file(self._project.outbox / f"round-{request.round_id:04d}", request)
        masks = read_index_image(file, asked).masks if file.is_file() else ()
        return tuple(names.labelled(request, mask) for mask in masks)

    # ---- what the numbered objects are

    @property
    def _tracks_file(self) -> Path:
        return self._project.outbox / "tracks.json"

    def _tracks(self) -> dict[str, Any]:
        """Return the content of ``tracks.json``, without categories that were removed since.

        Raises:
            BadLabel: it cannot be read, or names a category that it does not list.
        """
        file = self._tracks_file
        if not file.is_file():
            return {"categories": [], "videos": {}}
        expected = 'expected {"categories": ["car"], "videos": {"clip": {"1": "car"}}}'
        try:
            content = json.loads(file.read_bytes())
            categories = [str(name) for name in content["categories"]]
            videos = {
                str(video): {str(t): str(c) for t, c in names.items()} for video, names in content["videos"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadLabel(f"{file}: cannot be read ({error!r}); {expected}") from None
        for name in (name for names in videos.values() for name in names.values()):
            if name not in categories:
                raise BadLabel(f"{file}: {UnknownName('category', name, categories)} Add it to 'categories'")
        removed = set(self._ledger.category_names().values()) - set(self._ledger.category_ids())
        return {
            "categories": [name for name in categories if name not in removed],
            "videos": {v: {t: c for t, c in names.items() if c not in removed} for v, names in videos.items()},
        }


class _TrackNames:
    """Turns drawn masks into labels: what a file does not name, ``tracks.json`` does, or the first category."""

    def __init__(self, tracks: Mapping[str, Any], ledger: Ledger) -> None:
        self._tracks = tracks
        self._ledger = ledger
        self._videos = {video.video_id: video.name for video in ledger.videos()}
        self._ids = ledger.category_ids()

    def labelled(self, request: LabelRequest, mask: DrawnMask) -> MaskLabel:
        """Return a drawn mask as a label."""
        if mask.track_id == IGNORE_TRACK:
            return MaskLabel(IGNORE_TRACK, IGNORE_CATEGORY, mask.rle)
        name = mask.category or self._name(request.frame.video_id, mask.track_id)
        if name not in self._ids:
            self._ids = self._ledger.add_categories([name])
        return MaskLabel(mask.track_id, self._ids[name], mask.rle, attributes=mask.attributes)

    def _name(self, video_id: int, track_id: int) -> str:
        names = self._tracks["videos"].get(self._videos[video_id], {})
        known = [*self._tracks["categories"], *self._ids, DEFAULT_CATEGORY]
        return names.get(str(track_id), known[0])


def _proposal_file(folder: Path, request: LabelRequest) -> Path:
    return folder / "proposals" / f"{request.request_id}.png"


def _index_png(masks: Sequence[MaskLabel]) -> bytes:
    """Return masks as an index image, small ones on top; 16 bits deep when a track does not fit into 8."""
    import io

    from PIL import Image

    from al_core.export.palette import davis_palette

    deep = max(mask.track_id for mask in masks) >= IGNORE_INDEX
    values = np.zeros((masks[0].rle.height, masks[0].rle.width), np.uint16 if deep else np.uint8)
    for mask in sorted(masks, key=lambda mask: -area(mask.rle)):
        values[decode(mask.rle)] = IGNORE_INDEX if mask.ignore else mask.track_id
    image = Image.fromarray(values)
    if not deep:
        image.putpalette(davis_palette().tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


_INSTRUCTIONS = """Frames that wait for labels
===========================

Each .jpg here is one frame; index.json says which video it is from and why it was chosen.
Draw on the frame as it is, without scaling or cropping, and drop the result into the
folder "inbox" beside "outbox", either

  an index image named like the frame, e.g. {example}.png:
    0 is background, 1, 2, 3 ... number the objects, 255 is a region to ignore; palette or
    grey PNG. The same object keeps its number in all frames of a video.
    An image of zeros says: nothing is here.

  or one COCO .json of any name: file_name of an image is the frame's name; polygons or RLE;
    track_id of an annotation is the object's number. An image that is listed without
    annotations says: nothing is here.

Where "proposals" holds an image of the frame's name, you may correct that instead of
starting from nothing; dropped unchanged it says that the proposal is right.

outbox/tracks.json says what the numbered objects are. Add names to "categories" and objects
to "videos" there; an object that it does not name gets the first category.

Then give the same command again. Files that cannot be used go to inbox/rejected, each with
the reason beside it; drop a better one under the same name. A label that is dropped again
replaces the one before.
"""
