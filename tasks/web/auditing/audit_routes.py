"""What the labelling page asks about audits beside its tasks."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tasks.web.auth import Labeller
from tasks.web.error_responses import answers
from tasks.web.label_cache import LabelCache
from tasks.web.pictures import encoded

router = APIRouter()


@router.get("/api/audit/examples.png", responses=answers(403, nothing="Nobody has labelled anything yet."))
def examples(request: Request, person: Labeller, iou: Annotated[float, Query(gt=0, lt=1)] = 0.75) -> Response:
    """Return pictures of masks that are just good enough, made from this project's labels; nothing (204) before there
    are some."""
    # The server starts without scipy.
    from tasks.web.auditing.overlap_examples import chosen_examples, example_strip

    cache: LabelCache = request.app.state.label_cache
    found = chosen_examples(request.app.state.context.ledger)
    if not found:
        return Response(status_code=204)
    strip = example_strip(found, cache.frames(found[0][0].video_id), round(iou, 2))
    return Response(encoded(strip, "png"), media_type="image/png", headers={"Cache-Control": "private, max-age=600"})
