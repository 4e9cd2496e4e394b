#!/usr/bin/env python3
"""PyTorch in its own process, no wire: forward and backward of the three firing-rate terms, when told to.

    tests/bench/torch_steps.py

Says "ready". Then for each line "ROWS UNITS" of its input it takes one step with fr [ROWS, UNITS] in F32 and prints the
milliseconds. Threads are PyTorch's default. bench-wire does the asking.
"""
import sys
import time

try:
    import torch
except ImportError:
    sys.exit(print("torch is not installed (python3-torch)", flush=True))


def step(fr):
    """A gradient goes into fresh memory, as after zero_grad(set_to_none=True) and as a service's answer does."""
    fr.grad = None
    start = time.perf_counter()
    means = fr.mean(dim=0)
    sd = means.std(unbiased=False)
    (fr.square().mean() + 0.1 * sd + 0.1 * sd / means.mean()).backward()
    return 1e3 * (time.perf_counter() - start)


def main():
    print("ready", flush=True)
    shape, fr = None, None
    for line in sys.stdin:
        wanted = tuple(int(word) for word in line.split())
        if wanted != shape:
            shape, fr = wanted, torch.rand(wanted, requires_grad=True)
            step(fr)
        print(step(fr), flush=True)


if __name__ == "__main__":
    main()
