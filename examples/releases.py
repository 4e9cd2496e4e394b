#!/usr/bin/env python3
"""What the releases of nn4n compute for the three firing-rate terms, beside the documented definitions.

Makes a batch of firing rates, asks a running rnnlossd for the documented values, and works out in plain
Python what each release's code computes on the same batch. Standard library only.

    python3 examples/releases.py [http://127.0.0.1:8080]
"""
import json
import math
import random
import statistics
import sys
import urllib.request

BATCH, TIME, NEURONS = 8, 25, 32
TERMS = ("fr", "fr_sd", "fr_cv")


def make_rates():
    """tanh rates [BATCH][TIME][NEURONS] of neurons with different means, as a tanh network has."""
    source = random.Random(2026)
    bias = [source.gauss(0.15, 0.4) for _ in range(NEURONS)]
    return [[[math.tanh(source.gauss(b, 0.8)) for b in bias] for _ in range(TIME)] for _ in range(BATCH)]


def documented(url, rates):
    """The documented values, by POST /loss."""
    request = {"lambdas": {"lambda_" + term: 1 for term in TERMS}, "tensors": {"fr": rates}, "gradients": "none"}
    with urllib.request.urlopen(url + "/loss", json.dumps(request).encode()) as answer:
        terms = json.load(answer)["terms"]
    return [terms[term]["loss"] for term in TERMS]


def neuron_means(rates, function=float):
    """Mean of function(rate) over batch and time, for each neuron: tensor.mean(dim=(0, 1))."""
    return [statistics.fmean(function(row[n]) for trial in rates for row in trial) for n in range(NEURONS)]


def release_1_0_2(rates):
    """sqrt(fr^2) is |fr|; torch.std divides by n - 1."""
    means = neuron_means(rates, abs)
    sd = statistics.stdev(means)
    return [statistics.fmean(abs(x) for trial in rates for row in trial for x in row), sd, sd / statistics.fmean(means)]


def release_1_0_3(rates):
    """Squares of the neurons' means; |fr| averaged over the first axis only for fr_cv."""
    squares = [m * m for m in neuron_means(rates)]
    first_axis = [statistics.fmean(abs(trial[t][n]) for trial in rates) for t in range(TIME) for n in range(NEURONS)]
    return [statistics.fmean(squares), statistics.stdev(squares), statistics.stdev(first_axis) / statistics.fmean(first_axis)]


def release_1_2_0(rates):
    means, absolute = neuron_means(rates), neuron_means(rates, abs)
    return [statistics.fmean(m * m for m in means), statistics.stdev(means),
            statistics.stdev(absolute) / statistics.fmean(absolute)]


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    rates = make_rates()
    right = documented(url, rates)
    rows = [("documented (rnnlossd)", right), ("nn4n 1.0.2", release_1_0_2(rates)),
            ("nn4n 1.0.3 to 1.1.1", release_1_0_3(rates)), ("nn4n 1.2.0", release_1_2_0(rates))]
    print(f"{'':24}" + "".join(f"{term:>20}" for term in TERMS))
    for name, values in rows:
        print(f"{name:24}" + "".join(f"{v:>11.6f} {v / r:>6.2f} x" for v, r in zip(values, right)))


if __name__ == "__main__":
    main()
