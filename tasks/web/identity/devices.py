"""One device at a time: whoever labels on two would write over their own drawings."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from tasks.web.auth import Labeller
from tasks.web.error_responses import ApiError

HELD_SECONDS = 120.0
"""A device of which nothing was heard for so long gives way to another one by itself."""

DEVICE = "X-Fewframes-Device"


@dataclass(frozen=True, slots=True)
class _Seen:
    device: str
    at: float


class Devices:
    """Which device each person works on. May be used from several threads; what is known is forgotten with the process.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def admit(self, person: str, device: str, take: bool = False) -> bool:
        """Tell whether a person works on a device, and note that something was heard of it.

        Args:
            device: any name; empty for a program, which is always admitted.
            take: the person wants to go on here, wherever it was before.
        """
        if not device:
            return True
        with self._lock:
            seen, now = self._seen.get(person), self._clock()
            elsewhere = seen is not None and seen.device != device and now - seen.at < HELD_SECONDS
            if elsewhere and not take:
                return False
            self._seen[person] = _Seen(device, now)
            return True


async def on_this_device(
    request: Request,
    person: Labeller,
    device: Annotated[str, Header(alias=DEVICE, max_length=64)] = "",
    take: bool = False,
) -> None:
    """Refuse a call of a person who works on another device.

    Raises:
        ApiError: 409.
    """
    devices: Devices = request.app.state.devices
    if not devices.admit(person.name, device, take):
        raise ApiError(
            409, "you are labelling on another device or in another browser", "Go on there, or here.", elsewhere=True
        )


ON_THIS_DEVICE = [Depends(on_this_device)]
