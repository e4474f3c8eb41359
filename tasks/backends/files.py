"""Content of files: JSON and pictures."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.errors import FewframesError


def json_bytes(content: Any) -> bytes:
    """JSON that people can read, too."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """An RGB image uint8 [h, w, 3] as PNG, exactly."""
    import cv2

    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise FewframesError(f"an image of shape {list(image.shape)} cannot be written as PNG")
    return data.tobytes()
