"""Objects found where nobody has labelled: proposals to begin with, by name of the method."""

from typing import TYPE_CHECKING

from al_core.settings import Table

if TYPE_CHECKING:
    from al_core.discovery.discoverer import Discoverer

DISCOVERERS: "Table[type[Discoverer]]" = Table(
    "way to discover",
    {
        "boxes": "al_core.discovery.boxed.box_shapes:BoxShapes",
        "motion": "al_core.discovery.motion:MotionTeacher",
        "granularity": "al_core.discovery.granularity.student:GranularityStudent",
        "scribbles": "al_core.discovery.scribbles.scribble_network:ScribbleNetwork",
        "tags": "al_core.discovery.tags.tag_localiser:TagLocaliser",
        "exemplars": "al_core.discovery.exemplars.watch_and_learn:WatchAndLearn",
    },
)
"""What finds objects; see :class:`~al_core.discovery.discoverer.Discoverer`. The key is the class's ``name``."""
