"""What tests/validate_test.py claims: random problems, and the losses by right and by other definitions, restated in plain
Python from their descriptions. Gradients are derived from these formulas (tape.py): nothing is taken from the daemon's
own table but the names.
"""
import json
import math
import struct

import tape

TERMS = ("mse", "in", "hid", "out", "fr", "fr_sd", "fr_cv")
FORMATS = {"F16": "e", "F32": "f", "F64": "d"}
TENSORS = {"mse": ("pred", "target"), "in": ("w_in",), "hid": ("w_hid",), "out": ("w_out",), "fr": ("fr",), "fr_sd": ("fr",), "fr_cv": ("fr",)}


def narrow(x, dtype):
    """The number of the dtype that is nearest to x."""
    if dtype == "BF16":
        bits = struct.unpack("<I", struct.pack("<f", x))[0]
        return struct.unpack("<f", struct.pack("<I", bits + 0x7fff + (bits >> 16 & 1) & 0xffff0000))[0]
    return struct.unpack(FORMATS[dtype], struct.pack(FORMATS[dtype], x))[0]


def mean(xs):
    xs = list(xs)
    return tape.fsum(xs) / len(xs)


def spread(xs, less=0):
    """Standard deviation, over n - less."""
    xs = list(xs)
    m = mean(xs)
    return tape.sqrt(tape.fsum((x - m) ** 2 for x in xs) / (len(xs) - less))


class Problem:
    """Random tensors [B][T][N] of one dtype, and weights."""

    def __init__(self, rng, dtype="F64", terms=TERMS):
        self.rng, self.dtype = rng, dtype
        self.b, self.t, self.n_in, self.n_hid, self.n_out = rng.sample((3, 5, 7, 8, 11, 13), 5)  # none is another one, or twice it
        self.lambdas = {k: rng.choice((0.1, 0.3, 0.07, 3.0)) * (1 + rng.random()) for k in terms}
        bias = [rng.gauss(0.3, 0.4) for _ in range(self.n_hid)]
        self.tensors = {
            "pred": self.make([self.b, self.t, self.n_out]), "target": self.make([self.b, self.t, self.n_out]),
            "fr": self.make([self.b, self.t, self.n_hid], lambda i: math.tanh(rng.gauss(bias[i % self.n_hid], 0.7))),
            "w_in": self.make([self.n_hid, self.n_in]), "w_hid": self.make([self.n_hid, self.n_hid]),
            "w_out": self.make([self.n_out, self.n_hid])}

    def make(self, shape, element=None):
        element = element or (lambda i: self.rng.gauss(0, 1))
        return shape, [narrow(element(i), self.dtype) for i in range(math.prod(shape))]

    def values(self, name):
        return self.tensors[name][1]

    def means(self, function=None):
        """Of function(rate) over batch and time, by neuron."""
        return [mean(map(function or (lambda x: x), self.values("fr")[n::self.n_hid])) for n in range(self.n_hid)]

    def squares(self, term):
        """The elements whose squares are averaged."""
        if term == "mse":
            return [p - t for p, t in zip(self.values("pred"), self.values("target"))]
        return self.values({"in": "w_in", "hid": "w_hid", "out": "w_out", "fr": "fr"}[term])

    def right(self, term):
        """Unweighted."""
        if term in ("fr_sd", "fr_cv"):
            m = self.means()
            return spread(m) / (mean(m) if term == "fr_cv" else 1)
        return mean(x * x for x in self.squares(term))

    def loss(self, term):
        return self.lambdas.get(term, 0) * self.right(term)

    def total(self, replaced=None):
        """The sum of the terms; replaced: losses by term that take the place of the right ones."""
        losses = {k: self.loss(k) for k in self.lambdas}
        losses.update(replaced or {})
        return tape.fsum(losses.values())

    def request(self, claims, tolerance=None, **more):
        tensors = {name: {"dtype": self.dtype, "shape": shape, "data": xs} for name, (shape, xs) in self.tensors.items()}
        body = {"lambdas": {"lambda_" + k: v for k, v in self.lambdas.items()}, "tensors": tensors, "claims": claims}
        if tolerance:
            body["tolerance"] = tolerance
        return {**body, **more}


def axis_means(p):
    """|fr| averaged over the first axis only."""
    xs, cells = p.values("fr"), p.t * p.n_hid
    return [mean(abs(xs[b * cells + i]) for b in range(p.b)) for i in range(cells)]


def sequential(p, term):
    """mean of squares (or sd, cv), every operation rounded to F32."""
    f = lambda x: narrow(x, "F32")
    if term in ("fr_sd", "fr_cv"):
        m = []
        for n in range(p.n_hid):
            s = 0.0
            for x in p.values("fr")[n::p.n_hid]:
                s = f(s + f(x))
            m.append(f(s / (p.b * p.t)))
        s = 0.0
        for x in m:
            s = f(s + x)
        mu, v = f(s / p.n_hid), 0.0
        for x in m:
            d = f(x - mu)
            v = f(v + f(d * d))
        sd = f(math.sqrt(f(v / p.n_hid)))
        return sd if term == "fr_sd" else f(sd / mu)
    s = 0.0
    xs = p.squares(term) if term != "mse" else [f(f(a) - f(b)) for a, b in zip(p.values("pred"), p.values("target"))]
    for x in xs:
        s = f(s + f(f(x) * f(x)))
    return f(s / len(xs))


def cv(xs, less=0):
    return spread(xs, less) / mean(xs)


WEIGHTS, SQUARES, RATES = ("in", "hid", "out"), ("mse", "in", "hid", "out", "fr"), ("fr_sd", "fr_cv")


def over_mu(term, p, sd, mu):
    return sd / mu if term == "fr_cv" else sd


# id: (terms, the unweighted value)
DEVIATIONS = {
    "half": (TERMS, lambda p, k: p.right(k) / 2),
    "double": (TERMS, lambda p, k: p.right(k) * 2),
    "sum": (SQUARES, lambda p, k: tape.fsum(x * x for x in p.squares(k))),
    "sum-over-batch": (("mse", "fr"), lambda p, k: p.right(k) * p.b),
    "sum-over-time": (("mse", "fr"), lambda p, k: p.right(k) * p.t),
    "sum-over-units": (("mse", "fr"), lambda p, k: p.right(k) * (p.n_out if k == "mse" else p.n_hid)),
    "absolute": (SQUARES, lambda p, k: mean(map(abs, p.squares(k)))),
    "root": (("mse", "fr"), lambda p, k: tape.sqrt(p.right(k))),
    "rms": (WEIGHTS, lambda p, k: tape.sqrt(p.right(k))),
    "frobenius": (WEIGHTS, lambda p, k: tape.sqrt(tape.fsum(x * x for x in p.squares(k)))),
    "frobenius-over-count": (WEIGHTS, lambda p, k: tape.sqrt(tape.fsum(x * x for x in p.squares(k))) / len(p.squares(k))),
    "denominator": (WEIGHTS, lambda p, k: tape.fsum(x * x for x in p.squares(k)) /
                    {"in": p.n_hid ** 2, "hid": p.n_in * p.n_hid, "out": p.n_in * p.n_out}[k]),
    "mean-rate-squared": (("fr",), lambda p, k: mean(m * m for m in p.means())),
    "mean-rate-absolute": (("fr",), lambda p, k: mean(map(abs, p.means()))),
    "sample-sd": (RATES, lambda p, k: over_mu(k, p, spread(p.means(), 1), mean(p.means()))),
    "variance": (RATES, lambda p, k: over_mu(k, p, spread(p.means()) ** 2, mean(p.means()))),
    "sd-of-squared-means": (("fr_sd",), lambda p, k: spread(m * m for m in p.means())),
    "absolute-rate": (RATES, lambda p, k: over_mu(k, p, spread(p.means(abs)), mean(p.means(abs)))),
    "pooled-sd": (RATES, lambda p, k: over_mu(k, p, spread(p.values("fr")), mean(p.means()))),
    "absolute-rate-first-axis": (("fr_cv",), lambda p, k: cv(axis_means(p))),
    "temporal-sd": (("fr_cv",), lambda p, k: mean(spread(p.values("fr")[n::p.n_hid]) for n in range(p.n_hid)) / mean(p.means())),
    "inverse": (("fr_cv",), lambda p, k: mean(p.means()) / spread(p.means())),
    "squared": (("fr_cv",), lambda p, k: cv(p.means()) ** 2),
    "mu-times-lambda-fr": (RATES, lambda p, k: over_mu(
        k, p, tape.sqrt(mean((m - p.lambdas["fr"] * mean(p.means())) ** 2 for m in p.means())), p.lambdas["fr"] * mean(p.means()))),
}
RELEASES = {
    "nn4n-1.0.2": lambda p: (mean(map(abs, p.values("fr"))), spread(p.means(abs), 1), cv(p.means(abs), 1)),
    "nn4n-1.0.3": lambda p: (mean(m * m for m in p.means()), spread([m * m for m in p.means()], 1), cv(axis_means(p), 1)),
    "nn4n-1.2.0": lambda p: (mean(m * m for m in p.means()), spread(p.means(), 1), cv(p.means(abs), 1)),
}


# Two at once.
PAIRS = {
    "sample-sd+absolute-rate": (RATES, lambda p, k: over_mu(k, p, spread(p.means(abs), 1), mean(p.means(abs)))),
    "sample-sd+absolute-rate-first-axis": (("fr_cv",), lambda p, k: cv(axis_means(p), 1)),
    "sample-sd+sd-of-squared-means": (("fr_sd",), lambda p, k: spread([m * m for m in p.means()], 1)),
    "sample-sd+variance": (RATES, lambda p, k: over_mu(k, p, spread(p.means(), 1) ** 2, mean(p.means()))),
    "sample-sd+pooled-sd": (RATES, lambda p, k: over_mu(k, p, spread(p.values("fr"), 1), mean(p.means()))),
    "sample-sd+temporal-sd": (("fr_cv",), lambda p, k: mean(spread(p.values("fr")[n::p.n_hid], 1) for n in range(p.n_hid)) / mean(p.means())),
    "sample-sd+inverse": (("fr_cv",), lambda p, k: mean(p.means()) / spread(p.means(), 1)),
    "sample-sd+squared": (("fr_cv",), lambda p, k: cv(p.means(), 1) ** 2),
    "absolute-rate+variance": (RATES, lambda p, k: over_mu(k, p, spread(p.means(abs)) ** 2, mean(p.means(abs)))),
    "absolute-rate+pooled-sd": (RATES, lambda p, k: over_mu(k, p, spread(map(abs, p.values("fr"))), mean(p.means(abs)))),
    "absolute-rate+temporal-sd": (("fr_cv",), lambda p, k: mean(spread(map(abs, p.values("fr")[n::p.n_hid])) for n in range(p.n_hid)) / mean(p.means(abs))),
    "absolute-rate+mu-times-lambda-fr": (RATES, lambda p, k: over_mu(
        k, p, tape.sqrt(mean((m - p.lambdas["fr"] * mean(p.means(abs))) ** 2 for m in p.means(abs))), p.lambdas["fr"] * mean(p.means(abs)))),
    "variance+pooled-sd": (RATES, lambda p, k: over_mu(k, p, spread(p.values("fr")) ** 2, mean(p.means()))),
    "pooled-sd+inverse": (("fr_cv",), lambda p, k: mean(p.means()) / spread(p.values("fr"))),
    "sum+absolute": (SQUARES, lambda p, k: tape.fsum(map(abs, p.squares(k)))),
    "sum-over-time+root": (("mse", "fr"), lambda p, k: tape.sqrt(p.right(k) * p.t)),
    "half+frobenius": (WEIGHTS, lambda p, k: tape.sqrt(tape.fsum(x * x for x in p.squares(k))) / 2),
}
# Of gradients alone: what reaches the rates.
DETACHED = {
    "through-mean": (("fr_cv",), lambda p, k: spread(p.means()) / tape.detach(mean(p.means()))),
    "through-mean (sigma)": (("fr_cv",), lambda p, k: tape.detach(spread(p.means())) / mean(p.means())),
}


def gradient(problem, tensor, loss):
    """Of loss(problem) with respect to a tensor."""
    shape, xs = problem.tensors[tensor]
    variables = [tape.Var(x) for x in xs]
    problem.tensors[tensor] = shape, variables
    try:
        return tape.gradient(loss(problem), variables)
    finally:
        problem.tensors[tensor] = shape, xs


def safetensors(problem, claims, metadata, dtype="F64"):
    """claims: numbers, or (shape, values), by their dotted names."""
    header, data = {"__metadata__": {**{"lambda_" + k: repr(v) for k, v in problem.lambdas.items()}, **metadata}}, b""
    entries = [(name, problem.dtype, shape, xs) for name, (shape, xs) in problem.tensors.items()]
    for name, x in claims.items():
        shape, xs = x if isinstance(x, tuple) else ([], [x])
        entries.append(("claims." + name, dtype, shape, xs))
    for name, kind, shape, xs in entries:
        raw = struct.pack(f"<{len(xs)}{FORMATS[kind]}", *xs)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data
