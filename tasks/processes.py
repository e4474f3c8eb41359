"""Child processes that do not outlive their owner, however it ends."""

import ctypes
import signal
import sys


def die_with_owner() -> None:
    """Called in a child: the operating system kills it when its parent dies. Only Linux can do this."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def use_threads(n: int) -> None:
    """Let this process's numerical libraries use ``n`` threads, so that processes side by side do not fight."""
    import cv2
    import torch

    torch.set_num_threads(n)
    cv2.setNumThreads(n)
