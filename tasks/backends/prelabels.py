"""The masks that people start from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from al_core.ledger.campaign.categories import standing
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import DeliveredMask, FrameLabel, LabelRequest, MaskLabel, Provenance
from al_core.stores.delivered import read_delivered
from tasks.discovery.corrections import corrected, corrections_in
from tasks.discovery.found_masks import DISCOVERY_ROUND, beside, discovered_masks, from_labels


def delivered_masks(
    project: Project, ledger: Ledger, requests: Sequence[LabelRequest]
) -> dict[str, list[DeliveredMask]]:
    """Return what the last round before each request's own delivered in its frame, by request id.

    Imported prelabels stand in for it where that is nothing, or where they came after it. In videos of which nothing
    was delivered so far, what was discovered stands in for both; what was discovered from labels joins what is there,
    in frames that nobody has labelled. Frames without masks are left out. Masks of categories that were merged since
    have the category that it is now, those of removed ones are left out.
    """
    ended = ledger.ended_categories()
    by_round: dict[int, list[LabelRequest]] = defaultdict(list)
    for request in requests:
        by_round[request.round_id].append(request)
    found: dict[str, list[DeliveredMask]] = {}
    bare: list[LabelRequest] = []
    for round_id, asked in by_round.items():
        last = ledger.last_delivered_round(before=round_id)
        paths = ledger.delivered_paths(last) if last is not None else {}
        bare += [request for request in asked if request.frame.video_id not in paths]
        for video_id in paths.keys() & {r.frame.video_id for r in asked}:
            mine = {r.frame.frame_idx: r for r in asked if r.frame.video_id == video_id}
            for frame_idx, masks in read_delivered(project.absolute(paths[video_id]), sorted(mine)):
                found[mine[frame_idx].request_id] = list(standing(masks, ended))
        ended_at = ledger.round(last).finished_at if last is not None else None
        if ended_at is not None:
            found |= _imported(ledger, [r for r in asked if found.get(r.request_id)], ended_at)
    found |= _imported(ledger, [r for r in requests if not found.get(r.request_id)])
    places = ledger.prediction_paths(DISCOVERY_ROUND)
    found |= _discovered(project, ledger, [r for r in bare if not found.get(r.request_id)], places)
    return found | _beside(project, ledger, requests, found, places)


def _beside(
    project: Project,
    ledger: Ledger,
    requests: Sequence[LabelRequest],
    found: Mapping[str, Sequence[DeliveredMask]],
    places: Mapping[int, str],
) -> dict[str, list[DeliveredMask]]:
    """Return, for the frames that nobody has labelled, what is shown there with what was discovered from labels."""
    here = [request for request in requests if from_labels(places.get(request.frame.video_id, ""))]
    labelled = {label.frame for video in {r.frame.video_id for r in here} for label in ledger.human_labels(video)}
    fresh = _discovered(project, ledger, [request for request in here if request.frame not in labelled], places)
    return {request_id: beside(found.get(request_id, ()), masks) for request_id, masks in fresh.items()}


def _discovered(
    project: Project, ledger: Ledger, requests: Sequence[LabelRequest], places: Mapping[int, str]
) -> dict[str, list[DeliveredMask]]:
    """Return what was discovered in the frames of requests, by request id.

    Args:
        places: of what was discovered, by video: of others the ledger need not be asked.
    """
    by_video: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for request in (r for r in requests if r.frame.video_id in places):
        by_video[request.frame.video_id][request.frame.frame_idx].append(request.request_id)
    found: dict[str, list[DeliveredMask]] = {}
    for video_id, asked in by_video.items():
        masks = discovered_masks(project, ledger, video_id, sorted(asked))
        said = corrections_in(project, ledger, video_id) if masks else {}
        named = {frame_idx: corrected(shown, said) for frame_idx, shown in masks.items()}
        found |= {request_id: shown for frame_idx, shown in named.items() if shown for request_id in asked[frame_idx]}
    return found


def _imported(
    ledger: Ledger, requests: Sequence[LabelRequest], since: datetime | None = None
) -> dict[str, list[DeliveredMask]]:
    """Return the imported masks of the frames of requests, by request id."""
    brought = ledger.prelabels([request.frame for request in requests], since)
    return {
        r.request_id: [_as_delivered(r.frame.frame_idx, mask) for mask in brought[r.frame].masks]
        for r in requests
        if r.frame in brought
    }


def _as_delivered(frame_idx: int, mask: MaskLabel) -> DeliveredMask:
    """Return an imported mask as people are shown it; nobody knows how sure it is."""
    return DeliveredMask(frame_idx, mask.track_id, mask.category_id, Provenance.TEACHER, 0.0, mask.rle, mask.attributes)


def delivered_prelabels(project: Project, ledger: Ledger, requests: Sequence[LabelRequest]) -> dict[str, FrameLabel]:
    """Return the same masks as labels to start from."""
    found = delivered_masks(project, ledger, requests)
    frames = {request.request_id: request.frame for request in requests}
    return {request_id: FrameLabel(frames[request_id], labels_of(masks)) for request_id, masks in found.items()}


def labels_of(masks: Sequence[DeliveredMask]) -> tuple[MaskLabel, ...]:
    """Return delivered masks without what is known of them."""
    return tuple(MaskLabel(m.track_id, m.category_id, m.rle, attributes=m.attributes) for m in masks)
