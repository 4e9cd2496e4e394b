#!/usr/bin/env python3
"""The library beside numpy and PyTorch on one thread, in one run; what isn't installed is left out, and said.

    tests/bench/frameworks.py LIBRNNLOSS.SO       FORMAT=json: a JSON object a line {"name", "ratio", "goal"}

A ratio is the framework's time over the library's: how many times faster the library is, exactness included. Debian's
packages are python3-numpy and python3-torch.
"""
import ctypes
import json
import os
import statistics
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
# Settings for old kernels on new processors would slow numpy down.
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)

ROUNDS = 5 if os.environ.get("QUICK") else 11
SHAPE = (64, 100, 1024)
F32 = 2
PRED, TARGET, RATE = 0, 1, 2
TERMS = {"mse": 0, "fr": 4, "fr_sd": 5, "fr_cv": 6}


class View(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int), ("rows", ctypes.c_uint64), ("units", ctypes.c_uint64)]


class Output(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int)]


class Batch(ctypes.Structure):
    _fields_ = [("lambdas", ctypes.c_double * 7), ("tensor", View * 6), ("gradient", Output * 6)]


class Values(ctypes.Structure):
    _fields_ = [("active", ctypes.c_uint), ("loss", ctypes.c_double), ("rest", ctypes.c_double * 20)]


class Library:
    """rnnloss_evaluate on F32 arrays."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.lib.rnnloss_evaluate_size.restype = ctypes.c_size_t
        self.lib.rnnloss_evaluate_size.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.lib.rnnloss_evaluate.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
                                              ctypes.c_void_p, ctypes.c_void_p]

    def problem(self, lambdas, tensors, wanted):
        """A function that evaluates it and returns the loss. tensors: {index: address}."""
        batch, values = Batch(), Values()
        for name, value in lambdas.items():
            batch.lambdas[TERMS[name]] = value
        for index, address in tensors.items():
            batch.tensor[index] = View(address, F32, SHAPE[0] * SHAPE[1], SHAPE[2])
        for index, address in wanted.items():
            batch.gradient[index] = Output(address, F32)
        size = self.lib.rnnloss_evaluate_size(ctypes.byref(batch), 1)
        memory = ctypes.create_string_buffer(size)

        def evaluate():
            status = self.lib.rnnloss_evaluate(ctypes.byref(batch), None, memory, size, ctypes.byref(values), None)
            assert status == 0, status
            return values.loss
        return evaluate


def pair(ours, theirs):
    """Median ratio of times, taken in turn."""
    ours(), theirs()
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for work in (ours, theirs):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[1] / seconds[0])
    return statistics.median(ratios)


def show(name, ratio, goal=None):
    if os.environ.get("FORMAT") == "json":
        print(json.dumps({"name": name, "ratio": round(ratio, 4), "goal": goal}), flush=True)
    else:
        print(f"{name:58} {ratio:7.2f} x" + (f"   goal {goal}" if goal else ""), flush=True)


def missing(name, package):
    print(f"{name} is not installed ({package}): its rows are left out", file=sys.stderr)


def bench_numpy(library):
    try:
        import numpy
    except ImportError:
        return missing("numpy", "python3-numpy")
    source = numpy.random.default_rng(1)
    fr, pred, target = (source.standard_normal(SHAPE, dtype=numpy.float32) for _ in range(3))
    address = {RATE: fr.ctypes.data, PRED: pred.ctypes.data, TARGET: target.ctypes.data}

    def statistics_in_double():
        means = fr.mean(axis=(0, 1), dtype=numpy.float64)
        return means.std() + means.std() / means.mean()

    show("sum of squares F32, numpy in double",
         pair(library.problem({"fr": 1}, address, {}), lambda: numpy.square(fr, dtype=numpy.float64).mean()))
    show("mse F32, numpy in double", pair(library.problem({"mse": 1}, address, {}), lambda: numpy.square(
        numpy.subtract(pred, target, dtype=numpy.float64)).mean()))
    show("fr_sd and fr_cv F32, numpy in double",
         pair(library.problem({"fr_sd": 1, "fr_cv": 1}, address, {}), statistics_in_double))


def bench_torch(library):
    try:
        import torch
    except ImportError:
        return missing("PyTorch", "python3-torch")
    torch.set_num_threads(1)
    torch.manual_seed(1)
    fr = torch.randn(SHAPE).add_(0.3).requires_grad_()
    pred, target = torch.randn(SHAPE).requires_grad_(), torch.randn(SHAPE)
    out = torch.empty(SHAPE)
    address = {RATE: fr.data_ptr(), PRED: pred.data_ptr(), TARGET: target.data_ptr()}

    def rate_terms():
        fr.grad = None
        means = fr.mean(dim=(0, 1))
        sd = means.std(unbiased=False)
        (fr.square().mean() + sd + sd / means.mean()).backward()

    def mse():
        pred.grad = None
        torch.nn.functional.mse_loss(pred, target).backward()

    show(f"fr, fr_sd, fr_cv with gradient F32 {list(SHAPE)}, PyTorch",
         pair(library.problem({"fr": 1, "fr_sd": 1, "fr_cv": 1}, address, {RATE: out.data_ptr()}), rate_terms), 6)
    show(f"mse with gradient F32 {list(SHAPE)}, PyTorch",
         pair(library.problem({"mse": 1}, address, {PRED: out.data_ptr()}), mse))


def main():
    library = Library(os.path.abspath(sys.argv[1]))
    bench_numpy(library)
    bench_torch(library)


if __name__ == "__main__":
    main()
