"""The process of a run of a deployment: ``python -m tasks.scheduling.flow_process FILE`` is Prefect's engine, and what
it prints is added to a file. A pipe to the worker would break with the worker, and end the run.
"""

import os
import runpy
import sys


def print_to(path: str) -> None:
    """Add to a file what this process and its children print from now on."""
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)


if __name__ == "__main__":
    # The engine takes what follows for the number of a run.
    print_to(sys.argv.pop(1))
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
