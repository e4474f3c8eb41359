"""Objects found before anybody has labelled: proposals to begin with, by name of the method."""

from typing import TYPE_CHECKING

from al_core.settings import Table

if TYPE_CHECKING:
    from al_core.discovery.motion import MotionTeacher

DISCOVERERS: "Table[type[MotionTeacher]]" = Table(
    "way to discover", {"motion": "al_core.discovery.motion:MotionTeacher"}
)
"""What finds objects without labels. Each is made of the store of flow."""
