"""Which code does the work, so that a figure can be traced to it."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_GIT_SECONDS = 5


@cache
def code_version() -> str:
    """Version of the package, and the git revision where it runs from a checkout: "0.3.0+1a2b3c4d5e6f".

    A "+" at the very end means that the checkout holds changes that no revision has.
    """
    try:
        released = version("fewframes")
    except PackageNotFoundError:
        released = "0"
    folder = Path(__file__).parent.parent
    if not (folder / ".git").exists():
        return released
    revision = _git(folder, "rev-parse", "--short=12", "HEAD")
    if not revision:
        return released
    changed = "+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else ""
    return f"{released}+{revision}{changed}"


def _git(folder: Path, *arguments: str) -> str:
    """What git answers; nothing where it cannot."""
    command = ["git", "-C", str(folder), "--no-optional-locks", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
