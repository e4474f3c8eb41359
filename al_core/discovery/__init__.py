"""Objects found before anybody has labelled: proposals to begin with, by name of the method."""

from al_core.discovery.motion import MotionTeacher
from al_core.settings import Table

DISCOVERERS: Table[type[MotionTeacher]] = Table("way to discover", {"motion": "al_core.discovery.motion:MotionTeacher"})
"""What finds objects without labels. Each is made of the store of flow."""
