"""Numbers and tensors in JSON. All are exact: the shortest decimals that read back, to the bit."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any, Sequence

import numpy as np
import numpy.typing as npt

from ._tensor import STORED, Tensor, bfloat16

_NONFINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}


def number(value: float) -> str:
    """A double as JSON; one that is not finite as a string."""
    text = repr(float(value))
    return _NONFINITE.get(text, text)


def encode_tensor(tensor: Tensor) -> str:
    """A tensor as an object with flat data."""
    array = tensor.array.reshape(-1)
    if tensor.dtype == "BF16":
        array = bfloat16(array).float32()  # of which each shortest decimal reads back to the bfloat16
    elif tensor.dtype == "BOOL":
        array = array.view(np.uint8)
    texts = array.astype(str).tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        texts = [_NONFINITE.get(text, text) for text in texts]
    shape = json.dumps(list(tensor.shape))
    return f'{{"dtype":"{tensor.dtype}","shape":{shape},"data":[{",".join(texts)}]}}'


def loads(body: memoryview) -> Any:
    """JSON of which the numbers with a fraction or an exponent stay text: what they mean depends on a dtype."""
    return json.loads(bytes(body), parse_float=str)


def decode_number(value: Any) -> float:
    """A double; ValueError if it is none."""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise ValueError(f"{value!r} instead of a number")
    return float(value)


def decode_tensor(value: Any) -> Tensor:
    """A tensor from an object with flat data; ValueError, KeyError or TypeError if it is none."""
    dtype, shape, data = value["dtype"], value["shape"], value["data"]
    if dtype not in ("F16", "BF16", "F32", "F64") or not isinstance(data, list) or len(data) != math.prod(shape):
        raise ValueError(f"a tensor of dtype {dtype!r}, shape {shape} with something else as data")
    # What is no number is no text of one, either.
    return Tensor(dtype, _rounded(dtype, [str(item) for item in data]).reshape(shape))


def _rounded(dtype: str, decimals: Sequence[str]) -> npt.NDArray[Any]:
    """The nearest elements to decimals."""
    doubles = np.array(decimals, dtype=str).astype(np.float64)
    if dtype == "F64":
        return doubles
    with np.errstate(over="ignore", under="ignore"):
        if dtype == "F32":
            return _singles(doubles, decimals)
        if dtype == "F16":
            return doubles.astype(STORED["F16"])
    # Both are short enough that rounding by way of a wider format is no rounding twice.
    return bfloat16.from_float32(doubles.astype(np.float32)).bits.astype(STORED["BF16"])


def _singles(doubles: npt.NDArray[np.float64], decimals: Sequence[str]) -> npt.NDArray[np.float32]:
    """The nearest float32s. Where a double lies just between two of them the decimal itself decides."""
    singles = doubles.astype(STORED["F32"])
    finite = np.isfinite(singles)
    away = np.where(doubles > singles.astype(np.float64), np.inf, -np.inf).astype(np.float32)
    others = np.nextafter(singles, away)
    middle = (singles.astype(np.float64) + others.astype(np.float64)) / 2
    for i in np.flatnonzero(finite & (middle == doubles) & (singles != doubles)):
        exact = Fraction(decimals[i])
        if abs(Fraction(float(others[i])) - exact) < abs(Fraction(float(singles[i])) - exact):
            singles[i] = others[i]
    return singles
