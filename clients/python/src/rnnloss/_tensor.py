"""Tensors: arrays as the wire has them, contiguous and little-endian, with the names of their dtypes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

DTYPES = {  # by numpy's kind and size; all that safetensors has, as the daemon says which of them it takes
    "f2": "F16", "f4": "F32", "f8": "F64", "b1": "BOOL", "i1": "I8", "u1": "U8", "i2": "I16", "u2": "U16",
    "i4": "I32", "u4": "U32", "i8": "I64", "u8": "U64",
}  # fmt: skip
STORED = {name: np.dtype("<" + code) for code, name in DTYPES.items()}
STORED["BF16"] = np.dtype("<u2")  # numpy has no dtype of its own


class bfloat16:  # noqa: N801  (named as dtypes are)
    """An array of bfloat16, for those who have no `ml_dtypes`: its bits.

    A tensor that is given as one has its gradient as one.

    Args:
        bits: an array of uint16, of any shape: the upper halves of the float32s.

    """

    def __init__(self, bits: npt.ArrayLike) -> None:
        array = np.asarray(bits)
        if array.dtype.kind != "u" or array.dtype.itemsize != 2:
            raise TypeError(f"bfloat16 takes an array of uint16, not of {array.dtype}")
        self.bits: npt.NDArray[np.uint16] = array

    @classmethod
    def from_float32(cls, values: npt.ArrayLike) -> bfloat16:
        """The nearest bfloat16 of each value; ties go to the even one."""
        wide = np.array(values, np.float32, order="C")
        bits = wide.reshape(-1).view(np.uint32)
        odd = (bits >> np.uint32(16)) & np.uint32(1)
        rounded = (bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)  # wraps around for NaNs alone
        rounded[np.isnan(wide.reshape(-1))] = 0x7FC0
        return cls(rounded.astype(np.uint16).reshape(wide.shape))

    def float32(self) -> npt.NDArray[np.float32]:
        """The same values as float32, which is exact."""
        wide = self.bits.reshape(-1).astype(np.uint32) << np.uint32(16)
        return wide.view(np.float32).reshape(self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.bits.shape

    def __repr__(self) -> str:
        return f"rnnloss.bfloat16(of {self.float32()!r})"


@dataclass(frozen=True)
class Tensor:
    """A tensor as it lies on the wire. `array` has the dtype STORED[dtype]; `wrapped` if it was a `bfloat16`."""

    dtype: str
    array: npt.NDArray[Any]
    wrapped: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape; () of a number."""
        return self.array.shape

    def bytes(self) -> memoryview:
        """The elements' bytes, not copied."""
        return self.array.reshape(-1).view(np.uint8).data

    def value(self, wrap: bool = False) -> Any:
        """The tensor as its user gets it: an array of its dtype."""
        if self.dtype == "BF16":
            ml_dtype = None if wrap else ml_bfloat16()
            return bfloat16(self.array) if ml_dtype is None else self.array.view(ml_dtype)
        return self.array


def tensor(value: Any) -> Tensor:
    """What is sent for a value: an array, or what numpy makes one of. Numbers and nested lists are float64.

    Only an array that is not contiguous or not little-endian is copied. Raises TypeError for a dtype that has no name
    on the wire, ValueError for ragged lists.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, bfloat16):
        return Tensor("BF16", np.asarray(value.bits, STORED["BF16"], order="C"), wrapped=True)
    array = np.asarray(value) if hasattr(value, "dtype") else np.asarray(value, np.float64)
    if array.dtype.name == "bfloat16":
        return Tensor("BF16", np.asarray(array, order="C").view(STORED["BF16"]))
    name = DTYPES.get(array.dtype.str[1:])
    if name is None:
        raise TypeError(f"no tensor can have the dtype {array.dtype}; float16, bfloat16, float32 and float64 are meant")
    return Tensor(name, np.asarray(array, STORED[name], order="C"))


def stored(dtype: str, shape: list[int], data: memoryview) -> Tensor:
    """A tensor of an answer: a view into the answer's bytes. ValueError if they don't fill the shape."""
    kind = STORED[dtype]
    if len(data) != math.prod(shape) * kind.itemsize:
        raise ValueError(f"{len(data)} bytes for {dtype} {shape}")
    array = np.frombuffer(data, kind).reshape(shape)
    return Tensor(dtype, array if array.flags.aligned else array.copy())


def ml_bfloat16() -> Optional[Any]:
    """The dtype of the package ml_dtypes, if that is there."""
    try:
        import ml_dtypes
    except ImportError:
        return None
    return ml_dtypes.bfloat16
