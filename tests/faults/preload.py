"""What every child has loaded when it starts. Nothing here may be used before the fork: threads do not survive it."""

import os

for _name, _value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}.items():
    os.environ.setdefault(_name, _value)

import al_core.students.hooks  # noqa: E402
import al_core.students.runner  # noqa: E402
import al_core.students.train  # noqa: E402
import al_core.uncertainty.ensemble  # noqa: E402
import flows.cli  # noqa: E402
import tasks.calibration  # noqa: E402
import tasks.control  # noqa: E402
import tasks.prediction  # noqa: E402
import tasks.propagation  # noqa: E402
import tasks.quality  # noqa: E402
import tasks.selection  # noqa: E402
import tasks.steps  # noqa: E402
import tasks.training  # noqa: E402, F401
from al_core.students.build import import_mmdet  # noqa: E402

import_mmdet()
