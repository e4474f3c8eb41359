# ruff: noqa: E402, F401
"""What every child has loaded when it starts. Nothing here may be used before the fork: threads do not survive it."""

import logging
import os

for _name, _value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}.items():
    os.environ.setdefault(_name, _value)

import al_core.students.hooks
import al_core.students.runner
import al_core.students.train
import al_core.uncertainty.ensemble
import flows.cli.main
import tasks.steps.audit
import tasks.steps.calibrate
import tasks.steps.predict
import tasks.steps.propagate
import tasks.steps.select
import tasks.steps.table
import tasks.steps.train
from al_core.students.build import import_mmdet

import_mmdet()
logging.getLogger("mmengine").setLevel(logging.ERROR)
