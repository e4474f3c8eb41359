"""Settings of a campaign, read once, refusing unknown keys and naming the field that is wrong.

A settings file is TOML; what it leaves out keeps the default below. The presets in ``configs/rounds`` are such files.
"""

import json
import logging
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from al_core.errors import BadSettings, UnknownName, did_you_mean
from al_core.fingerprint import fingerprint

_log = logging.getLogger(__name__)

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
PRESETS = CONFIGS / "rounds"

T = TypeVar("T")

Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]

Auto = Literal["auto"]
AUTO: Auto = "auto"
"""A number that follows from the footage and the people, see :mod:`al_core.campaign.budget`."""


OF_PROJECT = "project"
"""Instead of a file: what the project itself learnt, see :mod:`al_core.stores.pretrained`."""


class Table(Mapping[str, T]):
    """What the names in settings stand for: strategies, propagators, back-ends, export formats.

    An entry may be written as ``"package.module:attribute"``: it is imported when it is first asked for, so that the
    names themselves cost nothing to load.

    Args:
        what: what an entry is, for messages, e.g. "strategy".
    """

    def __init__(self, what: str, entries: Mapping[str, T | str]) -> None:
        self.what = what
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> T:
        """Return the entry of a name.

        Raises:
            UnknownName: there is none; the message lists the known ones.
        """
        entry = self._entries[self.check(name)]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            self._entries[name] = entry = cast(T, getattr(import_module(module), attribute))
        return entry

    def check(self, name: str) -> str:
        """Return the name itself, without importing what it stands for.

        Raises:
            UnknownName: it is not in the table; the message lists the known ones.
        """
        if name not in self._entries:
            raise UnknownName(self.what, name, self._entries)
        return name

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class PluginTable(Table[T]):
    """A table of a seam that others may add to.

    A name that is not the table's own is that of an entry point, which an installed package declares, or says where to
    import from: ``"package.module:attribute"``. What it stands for may have an attribute ``seam_version``; one that
    was written for another version of the seam is refused.

    Args:
        group: of entry points, e.g. "fewframes.strategies".
        version: of the seam; it grows when what is handed over changes.
    """

    def __init__(self, what: str, entries: Mapping[str, T | str], group: str, version: int = 1) -> None:
        super().__init__(what, entries)
        self.group, self.version = group, version
        self._imported: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Return the entry of a name, of the table's own or a plug-in's; raises as :meth:`check` does."""
        self.check(name)
        return super().__getitem__(name) if name in self._entries else self._imported[name]

    def check(self, name: str) -> str:
        """Return the name itself; a plug-in is imported, so that one that is broken is told of at once.

        Raises:
            UnknownName: there is none; the message lists the known ones.
            BadSettings: the plug-in cannot be imported, or was written for another version.
        """
        if name not in self._entries and name not in self._imported:
            self._imported[name] = self._import(name)
        return name

    def plugins(self) -> dict[str, str]:
        """Return the names that installed packages declare, and where each is imported from."""
        # It reads what is installed, which takes a while, and is seldom asked.
        from importlib.metadata import entry_points

        return {entry.name: entry.value for entry in entry_points(group=self.group)}

    def __contains__(self, name: object) -> bool:
        try:
            return bool(self.check(str(name)))
        except (UnknownName, BadSettings):
            return False

    def _import(self, name: str) -> T:
        from importlib.metadata import EntryPoint

        value = name if ":" in name else self.plugins().get(name)
        if value is None:
            raise UnknownName(self.what, name, [*self._entries, *self.plugins()])
        try:
            found = EntryPoint(name, value, self.group).load()
        except Exception as error:  # whatever the code of others raises while it is imported
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise BadSettings(
                f"{self.what} {name!r}: expected something to import, got {reason}; install its package into this "
                "environment, or name its folder in PYTHONPATH"
            ) from None
        written_for = getattr(found, "seam_version", self.version)
        if written_for != self.version or not callable(found):
            got = f"version {written_for}" if callable(found) else f"a {type(found).__name__}"
            raise BadSettings(
                f"{self.what} {name!r}: expected a callable for version {self.version} of {self.group}, got {got}; "
                "see docs/plugins.md"
            )
        return cast(T, found)


def _public_url(url: str) -> str:
    """Return an address without secrets: settings are kept in the ledger.

    Raises:
        ValueError: it is not an HTTP address, or names a user.
    """
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc):
        raise ValueError("expected http://host:port or https://host, without user and password")
    return url


SECRETS = ("notify.url",)
"""Settings that are shown to nobody: who knows the address of a chat program's hook can write there."""

HIDDEN = "(set, not shown)"

PublicUrl = Annotated[str, AfterValidator(_public_url)]
ServerUrl = Annotated[str, AfterValidator(lambda url: _public_url(url).rstrip("/"))]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false where a number is expected: they would count as 1 and 0."""
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("expected no true or false")
        return value


class FrameSettings(_Section):
    """How frames are held while the loop works on them; labels always keep the frame's own resolution."""

    working_long_side: Positive = 448
    cache_gigabytes: Annotated[float, Field(gt=0)] = 20.0


class StudentSettings(_Section):
    """The student and its training schedule.

    ``config`` is a name in ``configs/students``, a path to a config file, or ``mmdet::...`` for one from mmdet's
    own model zoo. ``init_weights`` is a checkpoint for the first round; later rounds start from the round before
    when ``warm_start`` is set. ``long_side`` is the size in pixels at which the student sees a frame. With
    ``lower_on_memory``, a step that ran out of memory is tried once more with less: ``batch_size``, then ``long_side``.
    ``device`` is "cpu", "cuda", "cuda:1" for the second GPU, or "auto": a GPU where there is one.
    With ``when`` "pays", a round keeps the student of an earlier one where training is not expected to change what is
    delivered. With ``train`` "heads", backbone and neck stay as they are in the weights that it starts from, their
    BatchNorm statistics too.
    With ``unlabelled`` "self", it also learns from frames that nobody labelled: from the masks that the round before
    delivered there with a confidence of at least ``unlabelled_confidence``; the rest of such a frame is ignored. With
    "mmt_psm" it has to agree with its mean teacher there, with "s4gan" its masks have to pass for drawn by people, with
    "cycle" (for ``semantic_unet``) what it says of such a frame has to be enough to paint it again.
    ``unlabelled_weight`` is what these frames count beside the labelled ones. With ``mix`` "class", half of the objects
    that are believed to be in one of them are pasted onto another; with "depth", what is nearer in one of two is taken.
    """

    config: str = "rtmdet_ins_tiny"
    override: str = ""
    train: Literal["all", "heads"] = "all"
    when: Literal["always", "pays"] = "pays"
    init_weights: str = ""
    warm_start: bool = True
    long_side: Positive = 320
    iterations: Positive = 150
    first_round_iterations: Positive = 250
    batch_size: Positive = 2
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    checkpoint_interval: Positive = 50
    max_objects: Positive = 100
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    lower_on_memory: bool = True
    unlabelled: Literal["none", "self", "mmt_psm", "s4gan", "cycle"] = "none"
    unlabelled_weight: Annotated[float, Field(ge=0)] = 1.0
    unlabelled_confidence: Share = 0.8
    mix: Literal["none", "class", "depth"] = "none"


class TeacherSettings(_Section):
    """The ensemble: one EMA teacher per decay and seed, seen through every view.

    Where all teachers surely see the same objects, each through another view, with masks that overlap by
    ``agreement_iou`` (IoU) or more, a frame is not seen through the others; 1 sees every frame through every view.
    """

    decays: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=1)] = (0.9, 0.97)
    seeds: Positive = 1
    views: Annotated[tuple[str, ...], Field(min_length=1)] = ("identity", "flip")
    score_threshold: Share = 0.3
    match_iou: Share = 0.5
    agreement_iou: Share = 0.9


class UncertaintySettings(_Section):
    """Weights of the components in a frame's score; every component is higher where less is certain.

    ``plugins`` are components of other people's code, each of which weighs ``plugin_weight``.
    """

    class_entropy: Annotated[float, Field(ge=0)] = 1.0
    mutual_information: Annotated[float, Field(ge=0)] = 1.0
    box_spread: Annotated[float, Field(ge=0)] = 0.5
    mask_disagreement: Annotated[float, Field(ge=0)] = 1.0
    existence_disagreement: Annotated[float, Field(ge=0)] = 1.0
    temporal_inconsistency: Annotated[float, Field(ge=0)] = 1.0
    plugins: tuple[str, ...] = ()
    plugin_weight: Annotated[float, Field(ge=0)] = 1.0


FORMER_STRATEGIES = {"cycle_dissimilarity": "patch_cycles"}
"""What strategies are called now, by their earlier names."""


class SelectionSettings(_Section):
    """Which frames are asked for: how many a round, how far apart, how many of one video.

    ``planned_frames`` is how many the whole campaign will ask for, 0 when nobody knows: ``uniform`` then picks
    from that many evenly spaced frames, so that the campaign's last round completes an even spacing, and ``value``
    plans that many. ``control_share`` of the frames is drawn at random, to measure what the strategy gains.
    """

    strategy: Annotated[str, AfterValidator(lambda name: FORMER_STRATEGIES.get(name, name))] = "value"
    frames_per_round: Positive | Auto = AUTO
    min_gap: NonNegative = 2
    quota_per_video: NonNegative = 0
    pool_factor: Positive = 4
    planned_frames: NonNegative = 0
    control_share: Share = 0.1


AskedKind = Literal["accept", "click", "box", "scribble", "polygon", "mask", "tag"]
"""What people can be asked for."""


LEARNED = "learned"
"""The refiner of the page that a project's own labels taught; until they did it is the plain one."""


class AnnotatorSettings(_Section):
    """Who answers, and what an answer costs in human seconds (defaults as EVA-VOS counts them).

    Our page and the simulated annotator may be asked for all ``kinds`` of label, other back-ends for whole masks.

    For people at our page: a lease expires ``lease_seconds`` after the last heartbeat of its holder. A frame of the
    video that a person labelled last comes before ``same_video`` frames of better rank. Of the requests,
    ``blind_share`` are shown without prelabels and ``double_share`` go to a second person too; ``known_truth_share`` as
    many frames more were labelled before and are asked for again, to measure people. ``ahead`` frames of the next round
    are asked for beforehand, so that nobody waits while a round trains. Clicks and boxes become masks by
    ``refiner``; ``refiner_seconds`` of each round go into the "learned" one, which learns from the labels what they
    mean here; or ``refiner_steps`` where these are given, which end with the same network on a slower machine too.
    ``attributes`` are what may be said of objects beside their masks ("occluded"), those of one category after its name
    ("car: parked").

    With ``review`` "after", reviewers look at ``review_share`` of the answers, and what they return is asked again;
    with "before" they look at all, and nothing is used that is not approved.
    """

    backend: str = "page"
    kinds: Annotated[tuple[AskedKind, ...], Field(min_length=1)] = ("mask",)
    attributes: Annotated[tuple[str, ...], Field(max_length=40)] = ()
    noise_pixels: Annotated[float, Field(ge=0)] = 0.0
    mask_seconds: Seconds = 80.0
    box_seconds: Seconds = 7.0
    click_seconds: Seconds = 1.5
    click_overhead_seconds: Seconds = 1.0
    absent_seconds: Seconds = 3.0
    accept_seconds: Seconds = 2.0
    polygon_seconds: Seconds = 25.0
    scribble_seconds: Seconds = 11.0
    click_noise_pixels: Annotated[float, Field(ge=0)] = 2.0
    box_noise_pixels: Annotated[float, Field(ge=0)] = 3.0
    judgement_error: Annotated[float, Field(ge=0)] = 0.03
    lease_seconds: Annotated[float, Field(ge=10)] = 300.0
    same_video: NonNegative = 8
    blind_share: Share = 0.0
    double_share: Share = 0.0
    known_truth_share: Share = 0.0
    ahead: NonNegative | Auto = AUTO
    refiner: str = LEARNED
    refiner_seconds: Seconds = 120.0
    refiner_steps: NonNegative = 0
    review: Literal["none", "after", "before"] = "none"
    review_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    review_order: Literal["least_agreed", "oldest"] = "least_agreed"
    label_studio_url: ServerUrl = "http://127.0.0.1:8080"
    label_studio_token_variable: str = "LABEL_STUDIO_TOKEN"
    cvat_url: ServerUrl = ""
    cvat_token_variable: str = "CVAT_TOKEN"

    @field_validator("attributes")
    @classmethod
    def _plain_names(cls, attributes: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no name, or several in one.

        Raises:
            ValueError: one of them is neither "occluded" nor "car: parked", or what tools call an object's number.
        """
        for name in attributes:
            if not re.fullmatch(r"([^:,]{1,80}: )?[^:,\s][^:,]{0,39}", name):
                raise ValueError(f'expected names such as "occluded" or "car: parked", without commas, got {name!r}')
            if name.rpartition(": ")[2] in ("number", "track_id"):
                raise ValueError(f"label tools call an object's number so; choose another name, got {name!r}")
        return attributes

    @field_validator("review_share")
    @classmethod
    def _all_before(cls, share: float, info: ValidationInfo) -> float:
        """Refuse to use only some answers when all must be approved.

        Raises:
            ValueError: a share below 1 where nothing is used before it is approved.
        """
        if info.data.get("review") == "before" and share < 1:
            raise ValueError('expected 1 with annotator.review "before", where every answer needs an approval')
        return share


def _one_list(methods: Any) -> Any:
    return [methods] if methods == AUTO else methods


def _auto_alone(methods: tuple[str, ...]) -> tuple[str, ...]:
    """Return methods as they are.

    Raises:
        ValueError: "auto" stands among others.
    """
    if AUTO in methods and len(methods) > 1:
        raise ValueError('expected "auto" alone, or propagators without it')
    return methods


class PropagationSettings(_Section):
    """How human masks are carried to the other frames, and fused with the teachers' masks.

    With ``methods`` "auto", a propagator is chosen for each object of each video; dearer ones are tried where they are
    expected to put right a frame for each ``seconds_per_frame`` that they take.
    """

    methods: Annotated[
        tuple[str, ...], BeforeValidator(_one_list), AfterValidator(_auto_alone), Field(min_length=1)
    ] = (AUTO,)
    seconds_per_frame: Seconds = 60.0
    flow_long_side: Positive = 427
    flow_preset: Literal["ultrafast", "fast", "medium", "balanced", "fine"] = "fine"
    teacher_weight: Annotated[float, Field(ge=0)] = 1.0
    new_object_threshold: Share = 0.8
    encoder: str = ""
    encoder_steps: NonNegative = 400
    specialist_steps: Positive = 600
    backbone: Literal["efficientnet-lite0", "none"] = "efficientnet-lite0"
    parent: str = ""
    cutie_weights: str = ""
    sam_weights: str = ""

    @property
    def chooses(self) -> bool:
        """Whether a propagator is chosen for each object."""
        return self.methods == (AUTO,)

    @property
    def on_backbone(self) -> bool:
        """Whether propagators see frames with a backbone that knows pictures."""
        return self.backbone != "none"

    @property
    def candidates(self) -> tuple[str, ...]:
        """The propagators that may be used: those that are named, or those that are chosen among."""
        if not self.chooses:
            return self.methods
        with_weights = {"cutie": self.cutie_weights, "sam2": self.sam_weights}
        return ("flow", "affinity", "specialist", *(name for name, given in with_weights.items() if given))


class DiscoverySettings(_Section):
    """What is looked for while people have the first frames of a campaign in hand, so that others come with masks.

    ``methods`` are keys of ``al_core.discovery.DISCOVERERS``; without any, nothing is looked for by itself.
    ``backbone`` is a file of weights, for what starts from tags; empty for EfficientNet-Lite0, which is installed.
    """

    methods: Annotated[tuple[str, ...], Field(max_length=1)] = ()
    backbone: str = ""


class StoppingSettings(_Section):
    """When a campaign is over; 0 switches a rule off.

    ``target_quality`` is reached when the estimate of ``target_metric`` is at least that with ``target_confidence``.
    """

    max_rounds: NonNegative | Auto = AUTO
    max_human_frames: NonNegative = 0
    max_human_seconds: Seconds = 0.0
    target_coverage: Share = 0.0
    target_quality: Share = 0.0
    target_metric: Literal["good", "j", "jf"] = "good"
    target_confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    plateau_rounds: NonNegative = 0
    plateau_gain: Annotated[float, Field(ge=0)] = 0.005


class AuditSettings(_Section):
    """What people at our page are asked about delivered masks, so that their quality is known where there is no truth.

    Of a delivery that counts, which is the last one of a campaign or one whose quality may end it, ``judged`` masks are
    shown for a yes or no, ``frames`` are looked through for objects that have no mask, and ``blind`` masks are drawn
    from nothing, all of them drawn at random. Of the others fewer are, for ``share`` of the human seconds that the
    labels of the next round take. A mask is good enough from ``iou`` on. Truth measures what the simulated annotator
    works on, so it is asked only with ``simulated``.
    """

    judged: NonNegative = 60
    blind: NonNegative = 8
    frames: NonNegative = 20
    share: Share = 0.2
    iou: Annotated[float, Field(gt=0, lt=1)] = 0.75
    judge_seconds: Seconds = 3.0
    look_seconds: Seconds = 4.0
    simulated: bool = False


class CertificateSettings(_Section):
    """Masks that rounds accept by themselves, once the audit of a delivery has all its answers.

    With ``automatic``, at least ``judged`` masks of each delivery are judged, and those above the loosest threshold of
    confidence are accepted of which at most ``error`` are not good enough (``audit.iou``); all that a project certifies
    holds at once with ``confidence``. ``corrected`` allows for the bad masks that judges let pass, which masks drawn
    blind have to show. Accepted masks ``teach`` the student only where that is wished for.
    """

    automatic: bool = False
    error: Annotated[float, Field(gt=0, lt=1)] = 0.05
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    judged: NonNegative = 160
    corrected: bool = False
    teach: bool = False


class ScheduleSettings(_Section):
    """When a round goes on without all answers.

    What is left unanswered then is withdrawn, and its frames may be chosen again; a frame in somebody's hands may still
    be finished. A round without a single answer goes on waiting.
    """

    answered_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    deadline_hours: Annotated[float, Field(ge=0)] = 0.0


class NotifySettings(_Section):
    """The webhook that hears when a round is ready, is finished, needs somebody or failed.

    An address that is itself a secret goes into the environment variable ``url_variable``, which counts more.
    """

    url: PublicUrl = ""
    url_variable: str = "FEWFRAMES_NOTIFY_URL"
    page_url: PublicUrl = ""


class ComputeSettings(_Section):
    """Who does the heavy work of a round: this process, or workers on this and other machines.

    ``address`` is that of the Dask scheduler, or of Ray (empty: Ray on this machine). ``threads`` of numerical
    libraries are fixed for every worker, so that masks are the same to the byte wherever they are made; 0 leaves it to
    each machine. ``gpus_per_task`` are set aside for a video or a seed; 0 asks for none. ``shared`` is a folder that
    all machines see under this path, empty for one within the project. A video or seed that takes longer than
    ``limit_seconds`` is given to another worker; 0 waits for ever.
    """

    engine: Literal["local", "dask", "ray"] = "local"
    address: str = ""
    threads: NonNegative = 0
    gpus_per_task: Annotated[float, Field(ge=0)] = 0.0
    shared: str = ""
    limit_seconds: Seconds = 7200.0


RENAMED: dict[str, str] = {"propagation.method": "propagation.methods"}
"""What settings are called now, by the dotted name that earlier versions gave them. Where several values came to be
allowed, one value is a list of one."""


class Settings(_Section):
    """Everything that can be set for a campaign. Equal settings have one ``sha256``.

    Settings that were read from a ledger keep what another version stored and this one has no use for.
    """

    _others: dict[str, Any] = PrivateAttr(default_factory=dict)

    seed: NonNegative = 0
    frames: FrameSettings = FrameSettings()
    student: StudentSettings = StudentSettings()
    teachers: TeacherSettings = TeacherSettings()
    uncertainty: UncertaintySettings = UncertaintySettings()
    selection: SelectionSettings = SelectionSettings()
    annotator: AnnotatorSettings = AnnotatorSettings()
    propagation: PropagationSettings = PropagationSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    stopping: StoppingSettings = StoppingSettings()
    audit: AuditSettings = AuditSettings()
    certificates: CertificateSettings = CertificateSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    notify: NotifySettings = NotifySettings()
    compute: ComputeSettings = ComputeSettings()

    @property
    def sha256(self) -> str:
        """Hash of all fields, 64 hex digits."""
        return fingerprint(self.model_dump(mode="json"))

    def shown(self) -> dict[str, Any]:
        """Return all fields as people may see them: addresses that may be secrets say only that they are set."""
        values = self.model_dump(mode="json")
        for name in SECRETS:
            section, _, leaf = name.partition(".")
            values[section][leaf] = HIDDEN if values[section][leaf] else ""
        return values

    @property
    def not_understood(self) -> tuple[str, ...]:
        """Dotted names of what was stored and is kept, but has no meaning or no possible value for this version."""
        return tuple(self._others)

    def to_json(self) -> str:
        """Return the settings as the ledger stores them; what was not understood is among them."""
        return json.dumps(_nested({**dict(leaves(self.model_dump(mode="json"))), **self._others}))

    def changed(self, values: Mapping[str, Any]) -> "Settings":
        """Return a copy with dotted names replaced, e.g. ``{"selection.strategy": "random"}``.

        Raises:
            BadSettings: a name that is no field, or a value that does not fit.
        """
        known, given = dict(leaves(self.model_dump())), _called_as_now(values, "options")
        for name in given:
            if name not in known:
                raise UnknownName("setting", name, known)
        settings = _validated(_nested({**known, **given}), "options")
        settings._others = {name: value for name, value in self._others.items() if name not in given}
        return settings


@dataclass(frozen=True)
class StoredSettings:
    """Settings as the ledger has them for a step, word for word.

    What a step depends on is told from this text, never from today's defaults and names: a setting that a later version
    adds, renames or drops leaves finished steps finished.
    """

    text: str

    @cached_property
    def settings(self) -> Settings:
        """The settings, with today's names, and today's defaults for what was not stored."""
        return parse_settings(self.text)

    def part(self, name: str) -> Any:
        """Return a section, or a single setting by its dotted name, as it was stored; None where it was not."""
        value: Any = json.loads(self.text)
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value


def load_settings(source: str | Path) -> Settings:
    """Read a preset by name (``quick``) or a TOML file by path.

    Raises:
        BadSettings: the file is not there, is no TOML, or has a field that is unknown or out of range.
    """
    path = Path(source)
    if path.suffix != ".toml":
        path = Table("preset", {p.stem: p for p in PRESETS.glob("*.toml")})[str(source)]
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise BadSettings(f"{path}: no such settings file; presets: see configs/rounds") from None
    except OSError as error:
        raise BadSettings(f"{path}: expected a settings file, it cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path}: expected TOML in UTF-8, got {error}; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path}: expected TOML, got {error}") from None
    return _validated(_nested(_called_as_now(dict(leaves(values)), str(path))), str(path))


@lru_cache(maxsize=256)
def parse_settings(text: str) -> Settings:
    """Read settings in their JSON form, as the ledger stores it, whichever version stored them.

    What this version does not know, or whose value it does not take, is kept aside (see
    :attr:`Settings.not_understood`) and its default counts instead: nobody's project is shut for a setting.
    """
    stored = _called_as_now(dict(leaves(json.loads(text))))
    known = dict(leaves(Settings().model_dump()))
    others = {name: stored.pop(name) for name in list(stored) if name not in known}
    try:
        settings = Settings.model_validate(_nested(stored))
    except ValidationError as error:
        for name in {".".join(str(part) for part in e["loc"][:2]) for e in error.errors()}:
            others |= {found: stored.pop(found) for found in list(stored) if f"{found}.".startswith(f"{name}.")}
        settings = _validated(_nested(stored), "stored settings")
    settings._others = others
    return settings


def _called_as_now(values: Mapping[str, Any], told_of: str = "") -> dict[str, Any]:
    """Return values by their names of today.

    Args:
        values: by dotted name.
        told_of: where they come from, to say so of each old name; empty to say nothing.
    """
    now: dict[str, Any] = {}
    for name, value in values.items():
        new = RENAMED.get(name, name)
        if new != name and told_of:
            _log.warning("%s: %s is called %s by now", told_of, name, new)
        if new == name or new not in values:
            now[new] = [value] if new != name and _takes_many(new) and not isinstance(value, list) else value
    return now


def _takes_many(name: str) -> bool:
    return isinstance(dict(leaves(Settings().model_dump())).get(name), tuple)


def _validated(values: dict[str, Any], source: str) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise BadSettings(f"{source}: " + "; ".join(filter(None, map(_explain, error.errors())))) from None


def _explain(error: Any) -> str:
    """Return what is wrong in words; nothing for the second half of "a number or auto"."""
    *parents, leaf = (str(part) for part in error["loc"])
    if leaf == f"literal['{AUTO}']":
        return ""
    or_auto = leaf in ("int", "constrained-int")
    name = ".".join(parents if or_auto else [*parents, leaf])
    if error["type"] == "extra_forbidden":
        return str(UnknownName("setting", name, dict(leaves(Settings().model_dump()))))
    kind, given = error["type"], error["input"]
    hint = (
        did_you_mean(str(given), re.findall("'([^']+)'", error["ctx"]["expected"])) if kind == "literal_error" else ""
    )
    words = next((w for start, w in _EXPECTED.items() if kind.startswith(start)), error["msg"])
    words = words.removeprefix("Value error, ").replace("Input should be ", "expected a value ")
    or_this = " or auto" if or_auto else ""
    got = "" if name in SECRETS else f", got {given!r}"
    return f"{name}: {words}{or_this}{got}{hint and '.'}{hint}"


_EXPECTED = {
    "int_": "expected a whole number",
    "float_": "expected a number",
    "finite": "expected a finite number",
    "string_": "expected text",
    "bool_": "expected true or false",
    "tuple_type": 'expected a list, e.g. ["one", "two"]',
    "too_short": "expected at least one entry",
}
"""What was expected, by how pydantic's name of the error begins; other errors have pydantic's own words."""


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value that is no section, by its dotted name."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return sections within sections from values by dotted name."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *parents, leaf = name.split(".")
        section = nested
        for parent in parents:
            if not isinstance(section.get(parent), dict):
                section[parent] = {}
            section = section[parent]
        section[leaf] = value
    return nested
