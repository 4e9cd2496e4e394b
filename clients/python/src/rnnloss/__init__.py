"""Exact losses, and their gradients, for training recurrent neural networks, from a rnnlossd.

>>> client = rnnloss.Client()
>>> client.loss({"lambda_mse": 1.0, "lambda_fr_sd": 0.1}, pred=pred, target=target, fr=fr).gradients["fr"]

`rnnloss.torch` and `rnnloss.jax` make it a loss function that is differentiated as any other; `rnnloss.check` tells
whether a loss function of your own computes the same.
"""

from __future__ import annotations

import importlib
from typing import Any

from ._check import check
from ._client import Client
from ._errors import Error
from ._loss import Loss, Term
from ._report import Claim, Diagnosis, Difference, Report
from ._tensor import bfloat16
from ._transport import VERSION, Answer

__version__ = VERSION
__all__ = [
    "Answer", "Claim", "Client", "Diagnosis", "Difference", "Error", "Loss", "Report", "Term", "__version__",
    "bfloat16", "check",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Neither is imported before it is used: both take seconds, and may not be there.
    if name in ("torch", "jax"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
