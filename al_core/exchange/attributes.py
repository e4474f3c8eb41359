"""What may be said of objects beside their masks, as label tools are told of it: "occluded" of any object,
"car: parked" of those of one category."""

from collections.abc import Iterable, Mapping, Sequence

from al_core.records import FrameLabel

OCCLUDED = "occluded"
"""CVAT has a mark of its own for it."""


def offered(named: Sequence[str], labels: Iterable[FrameLabel], category_names: Mapping[int, str]) -> list[str]:
    """Return the attributes that people are offered, and those that masks have which they start from: else these would
    be lost on the way.

    Args:
        named: of the settings.
        category_names: by category id.
    """
    found = list(named)
    for mask in (mask for label in labels for mask in label.objects):
        known = names_for(found, category_names[mask.category_id])
        found += [f"{category_names[mask.category_id]}: {name}" for name in mask.attributes if name not in known]
    return found


def names_for(named: Iterable[str], category: str) -> list[str]:
    """Return the names of what may be said of objects of a category, each once."""
    parts = [one.rpartition(": ") for one in named]
    return list(dict.fromkeys(name for of, _, name in parts if of in ("", category)))


def all_names(named: Iterable[str]) -> list[str]:
    """Return the names of all attributes, whichever category they are of, each once."""
    return list(dict.fromkeys(one.rpartition(": ")[2] for one in named))
