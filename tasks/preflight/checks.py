"""Refuse settings that surely fail, in one line and before anything is stored.

Nothing heavy is loaded unless a file of weights or a GPU has to be looked at.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from al_core.campaign.audited import is_audited, masks_to_judge, most_assured
from al_core.discovery import DISCOVERERS
from al_core.errors import BadSettings, FewframesError
from al_core.ledger.store import Ledger
from al_core.networks.imagenet_weights import weights_file
from al_core.project import Project
from al_core.propagation import PROPAGATORS
from al_core.records import Video
from al_core.selection import STRATEGIES
from al_core.settings import (
    AUTO,
    LEARNED,
    OF_PROJECT,
    AnnotatorSettings,
    ComputeSettings,
    DiscoverySettings,
    PropagationSettings,
    SelectionSettings,
    Settings,
    leaves,
)
from al_core.stores.pretrained import PretrainedNetworks, depth_of, used, weights_to_start_from
from al_core.students.zoo import PRETRAINED, check_start, config_base, override_text
from al_core.uncertainty.augment import VIEWS
from tasks.backends import BACKENDS
from tasks.ledger.client import open_ledger
from tasks.project.outlook import SIMULATED, check_simulated
from tasks.project.run_settings import settings_in_force

LEAST_SIDE = 16
"""Frames that are smaller than this, in pixels, show nothing to a network or to optical flow."""

MOST, MOST_SEED = 2**31 - 1, 2**63 - 1
"""Whole numbers beyond these do not fit where they are stored."""

_SIDES = ("frames.working_long_side", "student.long_side", "propagation.flow_long_side")
_VARIABLES = ("annotator.label_studio_token_variable", "annotator.cvat_token_variable", "notify.url_variable")


def check(settings: Settings, project: Project | None = None, tokens: bool = True) -> None:
    """Look at everything that settings name; nothing is stored.

    Args:
        project: what will be run with them; None where there is no project, as for a bench.
        tokens: whether this process is the one that needs the tokens of labelling tools.

    Raises:
        BadSettings: a name, file, device or number that cannot be worked with; the message begins with the setting.
    """
    values = dict(leaves(settings.model_dump()))
    _check_names(settings)
    _check_numbers(values)
    _check_variables(values)
    _check_selection(settings.selection)
    _check_propagation(settings.propagation, project)
    _check_discovery(settings.discovery)
    if settings.certificates.automatic:
        _check_certificates(settings)
    _check_compute(settings.compute, settings.student.device)
    with _about("student.device"):
        if settings.student.device.startswith("cuda") and settings.compute.engine == "local":
            from al_core.students.build import choose_device

            choose_device(settings.student.device)
    ledger = open_ledger(project) if project else None
    if ledger is None or not starts_from_round_before(settings, ledger):
        check_weights(settings, project)
    if settings.student.mix == "depth":
        with _about("student.mix"):
            depth_of(_networks(project), "student.mix")
    _check_tools(settings.annotator, tokens)
    _check_target(settings, sum(ledger.pool_lengths().values()) if ledger else 0)
    if ledger is not None:
        last = ledger.last_round()
        if last is None or last.status != "running" or last.settings.annotator.backend != SIMULATED:
            check_simulated(ledger, settings)
        _check_truth(settings.annotator, ledger)
        _check_footage(settings.selection, ledger.pool_lengths().values())
        _check_batch(settings, ledger.videos())


def _check_compute(compute: ComputeSettings, device: str) -> None:
    """Look at who is to do the heavy work; whether somebody answers shows when a step begins."""
    package = {"local": "", "dask": "prefect_dask", "ray": "prefect_ray"}[compute.engine]
    if package and find_spec(package) is None:
        extra = f"python -m pip install 'fewframes[{compute.engine}]'"
        raise BadSettings(
            f"compute.engine: {compute.engine} needs {package.replace('_', '-')}; install it with: {extra}"
        )
    if compute.engine == "dask" and not re.fullmatch(r"(tcp|tls|ucx|ws|wss)://[^\s/]+:\d+", compute.address):
        raise BadSettings(
            f"compute.address: expected that of a Dask scheduler, such as tcp://10.0.0.5:8786, got {compute.address!r}"
        )
    if compute.engine == "local" and compute.address:
        raise BadSettings("compute.address: nobody is asked there while compute.engine is local; set the engine too")
    if compute.engine == "local" and compute.gpus_per_task and ":" in device:
        raise BadSettings(
            f"student.device: {device} is one GPU; with compute.gpus_per_task each process has its own GPUs: set "
            "student.device=auto, or compute.gpus_per_task=0"
        )
    if compute.engine != "local" and ":" in device:
        raise BadSettings(
            f"student.device: {device} is one of this machine's; with compute.engine={compute.engine} each worker has "
            "its own, so set auto, and compute.gpus_per_task"
        )
    if compute.shared and not (Path(compute.shared).is_absolute() and os.access(compute.shared, os.W_OK | os.X_OK)):
        raise BadSettings(
            f"compute.shared: expected the absolute path of a folder that can be written, got {compute.shared!r}"
        )


def check_rounds(project: Project) -> None:
    """Look at the settings of the round under way and of the one after it, as :func:`check` does.

    A campaign that has not begun, or is over, has nothing to look at.

    Raises:
        BadSettings: a step of these rounds would fail; the message ends with the way out.
    """
    ledger = open_ledger(project)
    last = ledger.last_round()
    if last is None or last.stop_reason is not None:
        return
    following = settings_in_force(ledger)
    try:
        for settings in [last.settings] * (last.status == "running" and last.settings != following) + [following]:
            check(settings, project)
    except BadSettings as error:
        raise BadSettings(
            f"{error}. The rounds of this project would fail with that; change it, and then serve: "
            f"fewframes run {project.option} --set NAME=VALUE"
        ) from None


def check_weights(settings: Settings, project: Project | None) -> None:
    """Look at the file that the first student starts from: whether it is there, where it must be, and holds weights.

    Args:
        project: whose network of depth the settings may name; None: it has none yet.

    Raises:
        BadSettings: it cannot be used.
    """
    name = settings.student.init_weights
    check_start(settings.student, bool(name))
    if name:
        with _about("student.init_weights"):
            path = _file(name) if name != OF_PROJECT else _of_project(name, project)
            from al_core.students.weights import read_start

            read_start(path)


def _of_project(name: str, project: Project | None) -> Path:
    found = weights_to_start_from(name, _networks(project))
    assert found is not None
    return found


def _networks(project: Project | None) -> PretrainedNetworks:
    """Return what a project learnt on its whole footage; nothing where there is no project yet."""
    return PretrainedNetworks(project.pretrained if project is not None else Path(os.devnull) / "pretrained")


def starts_from_round_before(settings: Settings, ledger: Ledger) -> bool:
    """Tell whether the next training starts from a round before, and not from ``init_weights``."""
    trained = any(step.name == "train" and step.status == "finished" for step in ledger.steps())
    return settings.student.warm_start and trained


def _check_names(settings: Settings) -> None:
    with _about("selection.strategy"):
        STRATEGIES.check(settings.selection.strategy)
    with _about("annotator.backend"):
        BACKENDS.check(settings.annotator.backend)
    for setting, names, table in (
        ("teachers.views", settings.teachers.views, VIEWS),
        ("propagation.methods", settings.propagation.candidates, PROPAGATORS),
        ("discovery.methods", settings.discovery.methods, DISCOVERERS),
    ):
        with _about(setting):
            for name in names:
                table.check(name)
    # Scipy takes a while to load, and few projects have any of these.
    if settings.uncertainty.plugins:
        from al_core.uncertainty.scores import OTHER_COMPONENTS

        with _about("uncertainty.plugins"):
            for name in settings.uncertainty.plugins:
                OTHER_COMPONENTS.check(name)
    if settings.annotator.refiner != LEARNED:
        from al_core.interactive.refiner import REFINERS

        with _about("annotator.refiner"):
            REFINERS.check(settings.annotator.refiner)
    with _about("student.config"):
        config_base(settings.student.config)
        if settings.student.config == PRETRAINED:
            weights_file()
    with _about("student.override"):
        override_text(settings.student.override)
    if settings.student.unlabelled != "none":
        # Reading a config loads mmdet, which takes seconds.
        from al_core.students.semi.ignored_regions import check_unlabelled

        check_unlabelled(settings.student)
    elif settings.student.mix != "none":
        raise BadSettings(
            f"student.mix: '{settings.student.mix}' mixes frames that nobody labelled, and student.unlabelled is "
            "'none'; set student.unlabelled, e.g. to 'self', or student.mix to 'none'"
        )


def _check_numbers(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        most = MOST_SEED if name == "seed" else MOST
        if isinstance(value, int) and value > most:
            raise BadSettings(f"{name}: expected at most {most}, got {value}")
    for name in _SIDES:
        if values[name] < LEAST_SIDE:
            raise BadSettings(f"{name}: expected at least {LEAST_SIDE} pixels, got {values[name]}")


def _check_variables(values: Mapping[str, Any]) -> None:
    for name in _VARIABLES:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", values[name]):
            # It may be the secret itself, so it is not repeated.
            raise BadSettings(f"{name}: expected the name of an environment variable, e.g. CVAT_TOKEN, not its value")


def _check_selection(selection: SelectionSettings) -> None:
    planned, n = selection.planned_frames, selection.frames_per_round
    if n != AUTO and planned and planned < int(n):
        raise BadSettings(
            f"selection.planned_frames: the whole campaign cannot ask for fewer frames ({planned}) than one round "
            f"(selection.frames_per_round = {n})"
        )


def _check_propagation(propagation: PropagationSettings, project: Project | None) -> None:
    methods = propagation.candidates
    try:
        used(propagation, PretrainedNetworks(project.pretrained).all() if project is not None else ())
    except FewframesError as error:
        raise BadSettings(str(error)) from None
    for setting, name, worked_with in (
        ("encoder", propagation.encoder, {"affinity", "tracks"} & set(methods)),
        ("parent", propagation.parent, "specialist" in methods),
        ("cutie_weights", propagation.cutie_weights, False),
    ):
        if name and name != OF_PROJECT:
            with _about(f"propagation.{setting}"):
                path = _file(name)
                if worked_with:
                    _read_network(setting, path)
    if {"affinity", "specialist"} & set(methods) and propagation.on_backbone:
        with _about("propagation.backbone"):
            weights_file()
    if "cutie" in methods:
        with _about("propagation.methods" if find_spec("cutie") is None else "propagation.cutie_weights"):
            from al_core.propagation.cutie import load_network

            load_network(propagation.cutie_weights)
    if propagation.sam_weights or "sam2" in methods:
        with _about("propagation.sam_weights"):
            from al_core.networks.segment_anything import shared_network

            shared_network(propagation.sam_weights, "video" if "sam2" in methods else "image")


def _check_discovery(discovery: DiscoverySettings) -> None:
    if discovery.backbone:
        with _about("discovery.backbone"):
            from al_core.discovery.tags.backbone import load_backbone

            load_backbone(_file(discovery.backbone))


def _check_certificates(settings: Settings) -> None:
    certificates = settings.certificates
    if not is_audited(settings):
        asks = "audit.simulated=true" if settings.annotator.backend == SIMULATED else "annotator.backend=page"
        raise BadSettings(
            f"certificates.automatic: nobody is asked about delivered masks with annotator.backend "
            f"{settings.annotator.backend!r}, so that none could be certified; expected --set {asks} with it"
        )
    if certificates.corrected and not settings.audit.blind:
        raise BadSettings(
            "certificates.corrected: what judges let pass is only known from masks that are drawn blind; expected "
            "audit.blind of 1 or more with it"
        )
    from al_core.audit.certifying import risk_of_look
    from al_core.audit.failure_tail import answers_needed

    risk, judged = risk_of_look(1, certificates.confidence), masks_to_judge(settings)
    needed = answers_needed(MOST, certificates.error, risk)
    if needed is None or judged < needed:
        raise BadSettings(
            f"certificates.judged: {judged} judged masks cannot bound their error by {certificates.error:g} with "
            f"confidence {certificates.confidence:g}, not even without a bad one; expected {needed} or more"
        )


def _read_network(setting: str, path: Path) -> None:
    if setting == "encoder":
        from al_core.propagation.affinity.encoder import load_encoder

        load_encoder(path)
    else:
        from al_core.propagation.specialist.network import load_weights

        load_weights(path)


def _check_target(settings: Settings, n_frames: int) -> None:
    """Refuse a target of quality that no audit could ever assure.

    Args:
        n_frames: of the project; 0 where it is not known.
    """
    stopping, audit = settings.stopping, settings.audit
    if not stopping.target_quality:
        return
    if not is_audited(settings):
        raise BadSettings(
            f"stopping.target_quality: nobody is asked how good masks are with annotator.backend "
            f"{settings.annotator.backend!r}, audit.judged {audit.judged} and audit.blind {audit.blind}, so nobody "
            "would know that the target is reached; let people label at the page with audits, or set it to 0"
        )
    most, asked = most_assured(settings, n_frames), "judged" if stopping.target_metric == "good" else "blind"
    if stopping.target_quality > most:
        raise BadSettings(
            f"stopping.target_quality: {stopping.target_quality:g} of {stopping.target_metric!r} cannot be assured "
            f"with {stopping.target_confidence:g} confidence by audit.{asked} {getattr(audit, asked)}, which bounds "
            f"what is right throughout by {most:.3f}; ask for more with audit.{asked}, or for less quality"
        )


def _check_tools(annotator: AnnotatorSettings, tokens: bool) -> None:
    if annotator.backend == SIMULATED and annotator.review != "none":
        raise BadSettings(
            f"annotator.review is {annotator.review!r}, but nobody reviews what the simulated annotator answers: set "
            "it to 'none', or let people label with annotator.backend 'page'"
        )
    tools = {
        "label_studio": ("label_studio_token_variable", annotator.label_studio_url),
        "cvat": ("cvat_token_variable", annotator.cvat_url),
    }
    setting, url = tools.get(annotator.backend, ("", ""))
    if not url:
        return
    if annotator.backend == "cvat" and find_spec("cvat_sdk") is None:
        raise BadSettings("annotator.cvat_url: uploading needs cvat-sdk: pip install 'fewframes[cvat]'")
    variable = getattr(annotator, setting)
    if tokens and not os.environ.get(variable, "").strip():
        raise BadSettings(
            f"annotator.{setting}: the environment variable {variable} does not hold an access token of {url}; make "
            f"one in your account there, then: export {variable}=..."
        )


def _check_truth(annotator: AnnotatorSettings, ledger: Ledger) -> None:
    if annotator.backend == "simulated" and not len(ledger.truth_frames()["video_id"]):
        raise BadSettings(
            "annotator.backend is 'simulated', which answers from ground truth, but no video has any: let people "
            "label with --set annotator.backend=page, or ingest masks beside the frames"
        )


def _check_footage(selection: SelectionSettings, lengths: Collection[int]) -> None:
    gap, longest = selection.min_gap, max(lengths, default=0)
    usual, per_round = SelectionSettings().min_gap, selection.frames_per_round
    if usual < gap >= longest > 1 and per_round != AUTO and int(per_round) > len(lengths):
        raise BadSettings(
            f"selection.min_gap: {gap} frames between two of a video leave one frame a video, as the longest has "
            f"{longest} frames: a round cannot ask for {per_round}; expected less than {longest}"
        )


def _check_batch(settings: Settings, videos: Collection[Video]) -> None:
    """Refuse images of a training step that alone fill the machine's memory; what else it needs only a trial tells."""
    side = min(settings.student.long_side, max((max(video.height, video.width) for video in videos), default=1))
    # Three channels of four bytes; the widest footage is four times as wide as high.
    needed = settings.student.batch_size * side * (side / 4) * 3 * 4
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise BadSettings(
            f"student.batch_size: {settings.student.batch_size} images of {side} pixels need more than the "
            f"{memory / 2**30:.0f} GiB of memory that this machine has; lower it, or student.long_side"
        )


def _file(name: str) -> Path:
    """Return a path to a file that can be read.

    Raises:
        BadSettings: there is none.
    """
    path = Path(name).expanduser()
    if not path.exists():
        raise BadSettings(f"{path}: expected a file of weights, there is no such file")
    if not path.is_file() or not os.access(path, os.R_OK):
        raise BadSettings(f"{path}: expected a file of weights, it cannot be read as a file")
    return path


@contextmanager
def _about(setting: str) -> Iterator[None]:
    """Let an error begin with the setting that it is about."""
    try:
        yield
    except FewframesError as error:
        words = str(error)
        raise BadSettings(words if words.startswith(f"{setting}:") else f"{setting}: {words}") from error
