"""The codec of the ledger's RPC: values as bytes and back, types included.

A message is the length of its JSON part (4 bytes, big-endian), the JSON, and then one Arrow IPC stream for each table
and array, which the JSON refers to by number. A JSON object is never a plain dictionary; its only key names the type.
"""

import base64
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, get_args, get_type_hints
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel

from al_core.errors import FewframesError
from al_core.ledger.forwarding import OPERATIONS
from al_core.settings import Settings, parse_settings

_PLAIN = (type(None), bool, int, float, str)
_TEXT: dict[type, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    Fraction: (str, Fraction),
    Decimal: (str, Decimal),
    UUID: (str, UUID),
    bytes: (lambda value: base64.b64encode(value).decode("ascii"), base64.b64decode),
}
_TEXT_BY_NAME = {cls.__name__: cls for cls in _TEXT}
_ALIGNED = 64
"""Arrow wants its numbers to begin at such multiples of bytes."""
_COLLECTIONS: dict[str, Callable[[Iterable[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def pack(value: Any) -> bytes:
    """Encode a value as a message.

    Raises:
        TypeError: the value holds something that no operation's type hints name.
    """
    parts: list[bytes] = []
    tree = _encode(value, parts)
    text = json.dumps([tree, [len(part) for part in parts]]).encode("ascii")
    text += b" " * (-(4 + len(text)) % _ALIGNED)
    return b"".join([len(text).to_bytes(4, "big"), text, *parts])


def unpack(message: bytes) -> Any:
    """Decode a message that :func:`pack` made.

    Raises:
        ValueError: this is no such message.
    """
    end = 4 + int.from_bytes(message[:4], "big")
    if len(message) < max(end, 5):
        raise ValueError(f"a message of {end} bytes or more was announced, {len(message)} came")
    tree, sizes = json.loads(message[4:end])
    if len(message) != end + sum(sizes):
        raise ValueError(f"a message of {end + sum(sizes)} bytes was announced, {len(message)} came")
    parts = []
    for size in sizes:
        parts.append(memoryview(message)[end : end + size])
        end += size
    return _decode(tree, parts)


def pack_error(error: FewframesError) -> bytes:
    """Encode one of the product's own errors as a message."""
    return pack((type(error).__name__, error.args, vars(error)))


def unpack_error(message: bytes) -> FewframesError:
    """Decode an error; it has the same class and says the same."""
    name, args, more = unpack(message)
    cls = {found.__name__: found for found in _subclasses(FewframesError)}.get(name, FewframesError)
    error = cls.__new__(cls)
    error.args = args
    vars(error).update(more)
    return error


def _subclasses(cls: type[FewframesError]) -> list[type[FewframesError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _subclasses(child))]


def _encode(value: Any, parts: list[bytes]) -> Any:
    cls = type(value)
    if cls in _PLAIN:
        return value
    if cls is list:
        return [_encode(entry, parts) for entry in value]
    if cls in _TEXT:
        return {cls.__name__: _TEXT[cls][0](value)}
    if cls in _TYPES.values():
        return {cls.__name__: _encode_own(value, parts)}
    if cls.__name__ in _COLLECTIONS:
        return {cls.__name__: [_encode(entry, parts) for entry in value]}
    # It has no exact type: it travels as the type that it is like.
    if isinstance(value, np.generic):
        return _encode(value.item(), parts)
    if isinstance(value, np.ndarray):
        return {"array": _part(_as_table(value), parts)}
    if isinstance(value, pa.Table):
        return {"table": _part(value, parts)}
    for plain in (str, int, float):
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, Mapping):
        return {"dict": [[_encode(key, parts), _encode(entry, parts)] for key, entry in value.items()]}
    if isinstance(value, Iterable):
        return [_encode(entry, parts) for entry in value]
    raise TypeError(f"{cls.__name__} cannot travel: no operation of the ledger takes or returns it")


def _encode_own(value: Any, parts: list[bytes]) -> Any:
    if isinstance(value, BaseModel):
        return value.to_json() if isinstance(value, Settings) else value.model_dump(mode="json")
    if isinstance(value, Enum):
        return value.value
    return [_encode(getattr(value, field.name), parts) for field in fields(value)]


def _part(table: pa.Table, parts: list[bytes]) -> int:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    parts.append(sink.getvalue().to_pybytes())
    return len(parts) - 1


def _decode(tree: Any, parts: list[memoryview]) -> Any:
    if isinstance(tree, list):
        return [_decode(entry, parts) for entry in tree]
    if not isinstance(tree, dict):
        return tree
    ((name, value),) = tree.items()
    if name == "dict":
        return {_decode(key, parts): _decode(entry, parts) for key, entry in value}
    if name in _COLLECTIONS:
        return _COLLECTIONS[name](_decode(entry, parts) for entry in value)
    if name in ("array", "table"):
        table = pa.ipc.open_stream(parts[value]).read_all()
        return table if name == "table" else _as_array(table)
    if name in _TEXT_BY_NAME:
        return _TEXT[_TEXT_BY_NAME[name]][1](value)
    if name not in _TYPES:
        raise ValueError(f"unknown type {name!r} in a message: both ends must be the same version of fewframes")
    return _decode_own(_TYPES[name], value, parts)


def _decode_own(cls: Any, value: Any, parts: list[memoryview]) -> Any:
    if issubclass(cls, Settings):
        return parse_settings(value)
    if issubclass(cls, BaseModel):
        return cls.model_validate(value)
    if issubclass(cls, Enum):
        return cls(value)
    return cls(*(_decode(entry, parts) for entry in value))


def _as_table(array: NDArray[Any]) -> pa.Table:
    columns = {"array": pa.array(np.ma.getdata(array))}
    if isinstance(array, np.ma.MaskedArray):
        columns["missing"] = pa.array(np.ma.getmaskarray(array))
    return pa.table(columns)


def _as_array(table: pa.Table) -> NDArray[Any]:
    """Return a column as DuckDB gives it: writable, and masked where values are missing."""
    array, *missing = (np.array(column.to_numpy()) for column in table.columns)
    return np.ma.masked_array(array, missing[0]) if missing else array


def _named_types(hints: Collection[Any]) -> dict[str, type]:
    """Find the dataclasses, enumerations and settings that type hints name, and those that their fields name.

    Raises:
        ValueError: two of them have the same name.
    """
    found: dict[str, type] = {}
    waiting = list(hints)
    while waiting:
        hint = waiting.pop()
        waiting += get_args(hint)
        if not isinstance(hint, type) or found.get(hint.__name__) is hint:
            continue
        if is_dataclass(hint):
            waiting += get_type_hints(hint).values()
        if is_dataclass(hint) or issubclass(hint, Enum | BaseModel):
            if hint.__name__ in {*found, *_TEXT_BY_NAME, *_COLLECTIONS, "dict", "array", "table"}:
                raise ValueError(f"two types called {hint.__name__!r} cannot travel: their name tells them")
            found[hint.__name__] = hint
    return found


_TYPES: dict[str, type] = _named_types([
    hint for operation in OPERATIONS.values() for hint in get_type_hints(operation).values()
])  # fmt: skip
