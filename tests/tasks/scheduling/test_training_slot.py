"""Where a server has the limit, the end-to-end test of deployments sees the slot of a training."""

import os
import subprocess
import sys

TRAINING = """
from tasks.scheduling.training_slot import training_slot
with training_slot():
    print("trains", flush=True)
try:
    with training_slot():
        1 / 0
except ZeroDivisionError:
    print("told", flush=True)
"""


def test_a_training_needs_no_server_and_fails_as_it_is(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    own = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_HOME": str(tmp_path), "DO_NOT_TRACK": "1"}
    environment |= own | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", TRAINING]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "trains\ntold\n"
    assert done.stderr.count("the number of trainings at a time is not limited") == 2
