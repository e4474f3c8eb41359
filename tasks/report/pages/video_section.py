"""The page's section of videos: a card each, with its time line and its frames."""

from markupsafe import Markup

from al_core.export.palette import PROVENANCE_COLOURS, UNLABELLED_COLOUR
from al_core.fusion.choice import told
from tasks.languages.phrases import heard, numeral, t
from tasks.report.content import MAX_PICTURES, Content, VideoContent
from tasks.report.formatting import duration, many, shots_told
from tasks.report.pages.document import Charts, render
from tasks.report.timeline import MAX_POINTS
from tasks.steps.context import Propagated

MAX_OBJECTS = 24


def videos(content: Content, charts: Charts) -> Markup:
    """Render a card per video that is shown, and a word on what is not."""

    def objects(video_id: int) -> tuple[int, list[tuple[int, float]]]:
        """Return the newest round that measured a video, and the J&F of each of its objects."""
        mine = [q for q in content.quality if q.video_id == video_id]
        newest = max((q.round_id for q in mine), default=0)
        mine = [q for q in mine if (q.round_id, q.provenance, q.metric) == (newest, "all", "jf")]
        return newest, [(q.track_id, q.value) for q in mine if q.track_id is not None]

    return render(
        "videos.html",
        content=content,
        charts=charts,
        explained=_explained(content),
        facts=_facts,
        objects=objects,
        chosen=_chosen,
        carried=carried,
        max_objects=MAX_OBJECTS,
        provenance_colours=PROVENANCE_COLOURS,
        unlabelled_colour=UNLABELLED_COLOUR,
    )


def _explained(content: Content) -> str:
    sentences = []
    if 1 < len(content.shown) < len(content.videos):
        some = "The {n} videos with the least certain frames are shown, of {all}."
        sentences.append(t(some, n=len(content.shown), all=numeral(len(content.videos), ",")))
    if content.predicted_round is None:
        sentences.append(t("Nothing is predicted yet."))
    else:
        sentences.append(
            t(
                "Uncertainty as predicted in round {round}, stacked by its parts, each with its weight; a click on a "
                "name in the legend hides it, dragging zooms, a double click zooms out.",
                round=content.predicted_round,
            )
        )
    sentences.append(t("Diamonds are the frames that were chosen, numbered by rank; hover over one to read why."))
    if any(item.video.n_frames > MAX_POINTS for item in content.shown):
        long = "Long videos are thinned out to the least certain frame of each of {n} stretches."
        sentences.append(t(long, n=numeral(MAX_POINTS, ",")))
    return " ".join(sentences)


def _facts(item: VideoContent) -> list[str]:
    video = item.video
    return [
        many(video.n_frames, "frame"),
        f"{video.width} × {video.height} px",
        t("{n} frames/s", n=numeral(float(video.fps), ".5g")),
        duration(float(video.n_frames / video.fps)),
        many(item.human_frames, "human frame"),
        *shots_told([item.shots]),
    ]


def carried(content: Content, video_id: int) -> str:
    """Return what carried the masks of a video in the newest round that delivered, and what else was tried; empty where
    propagators were named."""
    steps = (s for s in content.steps if (s.round_id, s.name) == (content.delivered_round, Propagated.step))
    found = next((s.result.get("chosen", {}).get(str(video_id)) for s in steps), None)
    if not found:
        return ""
    numbers: dict[str, list[int]] = {}
    for track, name in found["tracks"].items():
        numbers.setdefault(name, []).append(int(track))
    return heard(told(numbers, found["tried"]))


def _chosen(item: VideoContent) -> str:
    if not item.chosen or item.chosen[0].choice is None:
        return ""
    chosen = t("Chosen in round {round}", round=item.chosen[0].choice.round_id)
    return f"{chosen}, {t('first {n}', n=MAX_PICTURES)}" if len(item.chosen) == MAX_PICTURES else chosen
