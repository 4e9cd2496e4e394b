"""The safetensors format: a header of JSON, then the tensors' bytes."""

from __future__ import annotations

import json
from typing import Any, Mapping

from ._tensor import STORED, Tensor, stored

_ALIGNMENT = 8


def encode(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """The pieces of a file: its header, and then the memory of each tensor."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    if "__metadata__" in tensors:
        raise ValueError("no tensor can be named __metadata__ in safetensors")
    pieces: list[bytes | memoryview] = []
    end = 0
    for name, tensor in tensors.items():
        data = tensor.bytes()
        begin, end = end, end + len(data)
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, end]}
        if len(data):
            pieces.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return [len(text).to_bytes(8, "little") + text, *pieces]


def decode(body: memoryview) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file, as views into it, and its metadata; ValueError if it breaks a rule of the format."""
    size = int.from_bytes(body[:8], "little")
    if len(body) < 8 or size > len(body) - 8:
        raise ValueError(f"a header of {size} bytes in {len(body)}")
    header = json.loads(bytes(body[8 : 8 + size]))
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("the metadata are no strings")
    data = body[8 + size :]
    tensors: dict[str, Tensor] = {}
    spans = []
    for name, entry in header.items():
        begin, end = _offsets(entry, len(data))
        spans.append((begin, end))
        tensors[name] = stored(_dtype(entry), _whole_numbers(entry.get("shape")), data[begin:end])
    reached = 0
    for begin, end in sorted(spans):
        if begin != reached:
            raise ValueError(f"offset {begin} where {reached} was expected")
        reached = end
    if reached != len(data):
        raise ValueError(f"{len(data) - reached} bytes after the last tensor")
    return tensors, metadata


def _offsets(entry: Any, size: int) -> tuple[int, int]:
    offsets = _whole_numbers(entry.get("data_offsets")) if isinstance(entry, dict) else []
    if len(offsets) != 2 or not offsets[0] <= offsets[1] <= size:
        raise ValueError(f"data_offsets {offsets} of {size} bytes")
    return offsets[0], offsets[1]


def _dtype(entry: Mapping[str, Any]) -> str:
    dtype = entry.get("dtype")
    if not isinstance(dtype, str) or dtype not in STORED:
        raise ValueError(f"dtype {dtype!r}")
    return dtype


def _whole_numbers(value: Any) -> list[int]:
    if not isinstance(value, list) or not all(type(number) is int and number >= 0 for number in value):
        raise ValueError(f"{value!r} instead of whole numbers")
    return value
