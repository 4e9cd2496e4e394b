#!/usr/bin/env python3
"""POST /validate: right claims pass, each well-known other definition is found and named, wrong numbers are not.

    python3 tests/validate_test.py [--problems N] [--random N] [--seed S]

The other definitions are restated here in plain Python, from their descriptions: nothing is taken from the daemon's
own table but the names. --problems: random problems that each definition is tried on; --random: wrong numbers that no
diagnosis may explain (but by chance: the rate is printed, and held against a bound).
"""
import argparse
import collections
import hashlib
import json
import math
import os
import random
import struct
import sys
import unittest

import oracle_test
import wire

TERMS = ("mse", "in", "hid", "out", "fr", "fr_sd", "fr_cv")
ARGUMENTS = None
FORMATS = {"F32": "f", "F64": "d"}


def narrow(x, dtype):
    return struct.unpack(FORMATS[dtype], struct.pack(FORMATS[dtype], x))[0]


def mean(xs):
    xs = list(xs)
    return math.fsum(xs) / len(xs)


def spread(xs, less=0):
    """Standard deviation, over n - less."""
    xs = list(xs)
    m = mean(xs)
    return math.sqrt(math.fsum((x - m) ** 2 for x in xs) / (len(xs) - less))


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

    def means(self, function=float):
        """Of function(rate) over batch and time, by neuron."""
        return [mean(map(function, self.values("fr")[n::self.n_hid])) for n in range(self.n_hid)]

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
        return math.fsum(losses.values())

    def request(self, claims, tolerance=None, **more):
        tensors = {name: {"dtype": self.dtype, "shape": shape, "data": xs} for name, (shape, xs) in self.tensors.items()}
        body = {"lambdas": {"lambda_" + k: v for k, v in self.lambdas.items()}, "tensors": tensors, "claims": claims}
        if tolerance:
            body["tolerance"] = tolerance
        return {**body, **more}


def axis_means(p, function=float):
    """Averaged over the first axis only."""
    xs, cells = p.values("fr"), p.t * p.n_hid
    return [mean(function(xs[b * cells + i]) for b in range(p.b)) for i in range(cells)]


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
    "sum": (SQUARES, lambda p, k: math.fsum(x * x for x in p.squares(k))),
    "sum-over-batch": (("mse", "fr"), lambda p, k: p.right(k) * p.b),
    "sum-over-time": (("mse", "fr"), lambda p, k: p.right(k) * p.t),
    "sum-over-units": (("mse", "fr"), lambda p, k: p.right(k) * (p.n_out if k == "mse" else p.n_hid)),
    "absolute": (SQUARES, lambda p, k: mean(map(abs, p.squares(k)))),
    "root": (("mse", "fr"), lambda p, k: math.sqrt(p.right(k))),
    "rms": (WEIGHTS, lambda p, k: math.sqrt(p.right(k))),
    "frobenius": (WEIGHTS, lambda p, k: math.sqrt(math.fsum(x * x for x in p.squares(k)))),
    "frobenius-over-count": (WEIGHTS, lambda p, k: math.sqrt(math.fsum(x * x for x in p.squares(k))) / len(p.squares(k))),
    "denominator": (WEIGHTS, lambda p, k: math.fsum(x * x for x in p.squares(k)) /
                    {"in": p.n_hid ** 2, "hid": p.n_in * p.n_hid, "out": p.n_in * p.n_out}[k]),
    "mean-rate-squared": (("fr",), lambda p, k: mean(m * m for m in p.means())),
    "mean-rate-absolute": (("fr",), lambda p, k: mean(map(abs, p.means()))),
    "sample-sd": (RATES, lambda p, k: over_mu(k, p, spread(p.means(), 1), mean(p.means()))),
    "variance": (RATES, lambda p, k: over_mu(k, p, spread(p.means()) ** 2, mean(p.means()))),
    "sd-of-squared-means": (("fr_sd",), lambda p, k: spread(m * m for m in p.means())),
    "absolute-rate": (RATES, lambda p, k: over_mu(k, p, spread(p.means(abs)), mean(p.means(abs)))),
    "pooled-sd": (RATES, lambda p, k: over_mu(k, p, spread(p.values("fr")), mean(p.means()))),
    "absolute-rate-first-axis": (("fr_cv",), lambda p, k: cv(axis_means(p, abs))),
    "temporal-sd": (("fr_cv",), lambda p, k: mean(spread(p.values("fr")[n::p.n_hid]) for n in range(p.n_hid)) / mean(p.means())),
    "inverse": (("fr_cv",), lambda p, k: mean(p.means()) / spread(p.means())),
    "squared": (("fr_cv",), lambda p, k: cv(p.means()) ** 2),
    "mu-times-lambda-fr": (RATES, lambda p, k: over_mu(
        k, p, math.sqrt(mean((m - p.lambdas["fr"] * mean(p.means())) ** 2 for m in p.means())), p.lambdas["fr"] * mean(p.means()))),
}
RELEASES = {
    "nn4n-1.0.2": lambda p: (mean(map(abs, p.values("fr"))), spread(p.means(abs), 1), cv(p.means(abs), 1)),
    "nn4n-1.0.3": lambda p: (mean(m * m for m in p.means()), spread([m * m for m in p.means()], 1), cv(axis_means(p, abs), 1)),
    "nn4n-1.2.0": lambda p: (mean(m * m for m in p.means()), spread(p.means(), 1), cv(p.means(abs), 1)),
}


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


class Base(unittest.TestCase):
    daemon = None
    rng = random.Random(0)

    def setUp(self):
        self.rng = random.Random(f"{ARGUMENTS.seed}/{self.id()}")

    def post(self, body, url="/validate", status=200, kind=None):
        if isinstance(body, bytes):
            headers, kind = {"Content-Type": "application/vnd.safetensors"}, kind
        else:
            headers, body = {"Content-Type": "application/json"}, json.dumps(body).encode()
        got, _, answer = self.daemon.post(wire.Request(url, headers, body, None), False, self.rng)
        document = json.loads(answer)
        self.assertEqual(got, status, document)
        if kind:
            self.assertEqual(document["type"], "#" + kind, document)
        return document

    def evaluate(self, problem, **more):
        return self.post({k: v for k, v in problem.request({}, **more).items() if k != "claims"}, "/loss")

    def ids(self, verdict):
        return [entry["id"] for entry in verdict.get("diagnosis", [])]


class Right(Base):
    """Claims that are right, and claims that can't be said to be wrong."""

    def right_claims(self, answer):
        return {"loss": answer["loss"], "terms": {k: {x: v[x] for x in ("loss", "unweighted", "gradients")}
                                                  for k, v in answer["terms"].items()}, "gradients": answer["gradients"]}

    def test_json(self):
        for i in range(ARGUMENTS.problems):
            problem = Problem(self.rng, ("F32", "F64")[i % 2])
            claims = self.right_claims(self.evaluate(problem, gradients="per_term"))
            for tolerance in (None, {"ulps": 0}, {"rtol": 0, "atol": 0}):
                report = self.post(problem.request(claims, tolerance))
                self.assertIs(report["valid"], True, report)
                self.assertEqual(len(report["claims"]), 1 + 2 * 7 + 5 + 7)

    def test_safetensors(self):
        for i in range(ARGUMENTS.problems):
            problem = Problem(self.rng, ("F32", "F64")[i % 2])
            answer = self.evaluate(problem, gradients="per_term", gradient_dtype="F64")
            claims = {"loss": answer["loss"]}
            for k, v in answer["terms"].items():
                claims[f"terms.{k}.loss"], claims[f"terms.{k}.unweighted"] = v["loss"], v["unweighted"]
                claims.update({f"terms.{k}.gradients.{x}": (g["shape"], g["data"]) for x, g in v["gradients"].items()})
            claims.update({f"gradients.{x}": (g["shape"], g["data"]) for x, g in answer["gradients"].items()})
            for dtype in ("F32", "F64"):
                report = self.post(safetensors(problem, claims, {}, dtype))
                self.assertIs(report["valid"], True, report)

    def test_digest(self):
        problem = Problem(self.rng)
        report = self.post(problem.request({"loss": 0}))
        self.assertEqual(report["inputs_sha256"], self.evaluate(problem, digest=1)["inputs_sha256"])
        self.assertEqual(report["inputs_sha256"], self.post(safetensors(problem, {"loss": 0.0}, {}))["inputs_sha256"])
        self.assertNotIn("inputs_sha256", self.evaluate(problem))

    def test_inconclusive(self):
        problem = Problem(self.rng, terms=("fr",))
        right = problem.loss("fr")
        report = self.post(problem.request({"terms": {"fr": right * 1.5}}, {"rtol": 1e-6, "atol": 10}))
        self.assertIsNone(report["valid"])
        self.assertEqual(report["claims"]["terms.fr.loss"]["verdict"], "inconclusive")
        report = self.post(problem.request({"terms": {"fr": right * 1.5, "in": 0}, "loss": 1e9}, {"rtol": 1e-6, "atol": 10}))
        self.assertIs(report["valid"], False)
        self.assertEqual([report["claims"][k]["verdict"] for k in ("loss", "terms.in.loss")], ["fail", "pass"])

    def test_zero_gradient_is_no_pass(self):
        problem = Problem(self.rng)
        shape, xs = problem.tensors["fr"]
        problem.lambdas = {"fr": 1e-9}
        report = self.post(problem.request({"gradients": {"fr": {"dtype": "F32", "shape": shape, "data": [0] * len(xs)}}}))
        self.assertEqual(report["claims"]["gradients.fr"]["verdict"], "fail")


class Deviations(Base):
    """Each other definition, in every term that it is one of."""

    def inject(self, name, term, value):
        problem = Problem(self.rng, self.rng.choice(("F32", "F64")))
        claim = problem.lambdas[term] * value(problem, term)
        report = self.post(problem.request({"terms": {term: claim}}))["claims"][f"terms.{term}.loss"]
        self.assertEqual(report["verdict"], "fail", (name, report))
        return self.ids(report)

    def test_singles(self):
        found = wrong = 0
        for name, (terms, value) in DEVIATIONS.items():
            for i in range(ARGUMENTS.problems):
                term = terms[i % len(terms)]
                ids = self.inject(name, term, value)
                found += 1
                if ids[:1] != [name]:
                    wrong += 1
                    print(f"  {name} of {term}: {ids}")
        print(f"{found - wrong} of {found} injected definitions found first")
        self.assertLessEqual(wrong, found // 500)

    def test_weights(self):
        for name, power in (("lambda-omitted", 0), ("lambda-twice", 2)):
            for term in TERMS:
                problem = Problem(self.rng)
                claim = problem.right(term) * problem.lambdas[term] ** power
                report = self.post(problem.request({"terms": {term: claim}}))
                self.assertEqual(self.ids(report["claims"][f"terms.{term}.loss"])[:1], [name])
        problem = Problem(self.rng)
        report = self.post(problem.request({"terms": {"mse": {"unweighted": problem.loss("mse")}}}))
        self.assertEqual(self.ids(report["claims"]["terms.mse.unweighted"]), ["lambda-included"])

    def test_pairs(self):
        for _ in range(ARGUMENTS.problems):
            problem = Problem(self.rng)
            report = self.post(problem.request({"terms": {"fr_sd": spread(problem.means(), 1), "fr": mean(
                m * m for m in problem.means()), "fr_cv": problem.lambdas["fr_cv"] * cv(problem.means(abs), 1)}}))
            for k, name in (("fr_sd", "lambda-omitted+sample-sd"), ("fr", "lambda-omitted+mean-rate-squared"),
                            ("fr_cv", "sample-sd+absolute-rate")):
                self.assertEqual(self.ids(report["claims"][f"terms.{k}.loss"])[:1], [name])
            self.assertEqual(report["claims"]["terms.fr_cv.loss"]["diagnosis"][0]["releases"], ["nn4n-1.0.2", "nn4n-1.2.0"])
            self.assertNotIn("releases", report["claims"]["terms.fr.loss"]["diagnosis"][0])

    def test_naive(self):
        for term in TERMS:
            problem = Problem(self.rng)
            claim = narrow(narrow(problem.lambdas[term], "F32") * sequential(problem, term), "F32")
            report = self.post(problem.request({"terms": {term: claim}}, {"rtol": 1e-10, "atol": 0}))
            self.assertEqual(self.ids(report["claims"][f"terms.{term}.loss"])[:1], ["naive-f32"])

    def test_naive_f16(self):
        """4,096 ones summed in F16 stop at 2,048: by F32's tolerance, that is what it was."""
        problem = Problem(self.rng, "F32", ("in",))
        problem.tensors = {"w_in": ([64, 64], [1.0] * 4096)}
        problem.lambdas["in"] = 1.0
        report = self.post(problem.request({"terms": {"in": 0.5}}))
        self.assertIn("naive-f16", self.ids(report["claims"]["terms.in.loss"]))

    def test_totals(self):
        for name, (terms, value) in DEVIATIONS.items():
            term = self.rng.choice(terms)
            problem = Problem(self.rng)
            claim = problem.total({term: problem.lambdas[term] * value(problem, term)})
            report = self.post(problem.request({"loss": claim}))
            self.assertEqual(self.ids(report["claims"]["loss"])[:1], [f"{term}:{name}"])
        problem = Problem(self.rng)
        report = self.post(problem.request({"loss": problem.total() / 2}))
        self.assertEqual(self.ids(report["claims"]["loss"])[:1], ["half"])

    def test_mse_weight_one(self):
        for _ in range(ARGUMENTS.problems):
            problem = Problem(self.rng, terms=("in", "fr"))
            report = self.post(problem.request({"loss": problem.total({"mse": problem.right("mse")}),
                                                "terms": {"mse": problem.right("mse")}}))
            self.assertEqual(self.ids(report["claims"]["loss"])[:1], ["mse-weight-one"])
            self.assertEqual(self.ids(report["claims"]["terms.mse.loss"])[:1], ["mse-weight-one"])

    def test_releases(self):
        for i in range(ARGUMENTS.problems):
            for name, value in RELEASES.items():
                problem = Problem(self.rng, "F32", TERMS if i % 2 else TERMS[1:])
                losses = dict(zip(("fr", "fr_sd", "fr_cv"), value(problem)))
                losses = {k: problem.lambdas[k] * v for k, v in losses.items()}
                if not i % 2:
                    losses["mse"] = problem.right("mse")
                report = self.post(problem.request({"loss": narrow(problem.total(losses), "F32")}))
                self.assertEqual(self.ids(report["claims"]["loss"])[:1], [name if i % 2 else name + "+mse-weight-one"])

    def test_f32_input(self):
        problem = Problem(self.rng, terms=("fr",))
        problem.lambdas["fr"] = 100.0
        report = self.post(problem.request({"terms": {"fr": problem.loss("fr") * (1 + 1e-6)}}))
        self.assertEqual(self.ids(report["claims"]["terms.fr.loss"])[:1], ["f32-input"])
        report = self.post(problem.request({"terms": {"fr": problem.loss("fr") * (1 + 1e-6)}}, {"dtype": "F32"}))
        self.assertIs(report["valid"], True)

    def test_wrong_numbers(self):
        """Random claims are not explained: they are wrong, but by no definition."""
        explained, tried = {"F32": 0, "F64": 0}, ARGUMENTS.random // 16
        for _ in range(tried):
            for dtype in explained:
                problem = Problem(self.rng, dtype)
                claims = {k: problem.loss(k) * math.exp(self.rng.gauss(0, 2)) for k in TERMS}
                report = self.post(problem.request({"terms": claims, "loss": problem.total() * math.exp(self.rng.gauss(0, 2))}))
                for path, verdict in report["claims"].items():
                    explained[dtype] += bool(self.ids(verdict))
                    if self.ids(verdict):
                        print(f"  {dtype} {path}: {self.ids(verdict)}")
        for dtype, count in explained.items():
            print(f"{count} of {8 * tried} random wrong {dtype} numbers explained by chance")
            self.assertLessEqual(count, 1 + 8 * tried * (2e-3 if dtype == "F32" else 2e-4))


class Gradients(Base):
    """Wrong gradients: what they are, and that others are nothing that is known."""

    def claim(self, problem, tensor, values, term=None, **more):
        shape = problem.tensors[tensor][0]
        gradients = {"gradients": {tensor: {"dtype": more.pop("dtype", "F64"), "shape": shape, "data": values}}}
        path = f"terms.{term}.gradients.{tensor}" if term else "gradients." + tensor
        return self.post(problem.request({"terms": {term: gradients}} if term else gradients, **more))["claims"][path]

    def right(self, problem, tensor, term=None):
        answer = self.evaluate(problem, gradients="per_term", gradient_dtype="F64")
        return (answer["terms"][term] if term else answer)["gradients"][tensor]["data"]

    def test_multiples(self):
        for i in range(ARGUMENTS.problems):
            problem = Problem(self.rng, ("F32", "F64")[i % 2])
            tensor, term = self.rng.choice([("pred", "mse"), ("target", "mse"), ("fr", "fr"), ("fr", "fr_sd"), ("fr", "fr_cv"), ("w_in", "in"),
                                            ("w_hid", "hid"), ("w_out", "out"), ("fr", None), ("pred", None)])
            right = self.right(problem, tensor, term) if tensor != "target" else [-x for x in self.right(problem, "pred", term)]
            count = len(right)
            factors = [(-1, "sign", "-gradient"), (0, "zero", "0"), (0.5, "scale", "1/2 *"), (2, "scale", "2 *"), (count, "scale", "count *"), (0.123, "scale", "s *")]
            if term:
                factors += [(1 / problem.lambdas[term], "unweighted", "/ its lambda"), (problem.lambdas[term], "lambda-twice", "* its lambda")]
            for factor, name, relation in factors:
                verdict = self.claim(problem, tensor, [x * factor for x in right], term)
                self.assertEqual(self.ids(verdict), [name], (tensor, term, factor, verdict))
                self.assertIn(relation, verdict["diagnosis"][0]["relation"])
                self.assertAlmostEqual(verdict["scale"], factor, delta=1e-6 * abs(factor))

    def test_parts(self):
        for _ in range(ARGUMENTS.problems):
            p = Problem(self.rng)
            m, count, units = p.means(), p.b * p.t * p.n_hid, range(p.b * p.t * p.n_hid)
            mu, sigma, factor = mean(m), spread(m), math.sqrt(p.n_hid / (p.n_hid - 1))
            x, lam = p.values("fr"), p.lambdas
            sd = lambda n: (m[n] - mu) / (sigma * count)
            a = p.means(abs)
            a_mu, a_sigma, sgn = mean(a), spread(a), lambda i: math.copysign(1, x[i])
            a_sd = lambda n: (a[n] - a_mu) / (a_sigma * count)
            a_cv = lambda n: a_sd(n) / a_mu - a_sigma / a_mu ** 2 / count
            cases = {
                ("through-mean", "fr_cv"): lambda i, n: lam["fr_cv"] * sd(n) / mu,
                ("through-mean", "fr_cv", 2): lambda i, n: -lam["fr_cv"] * sigma / mu ** 2 / count,
                ("sample-sd", "fr_sd"): lambda i, n: factor * lam["fr_sd"] * sd(n),
                ("absolute", "fr"): lambda i, n: lam["fr"] * sgn(i) / count,
                ("absolute-rate", "fr_sd"): lambda i, n: lam["fr_sd"] * sgn(i) * a_sd(n),
                ("absolute-rate", "fr_cv"): lambda i, n: lam["fr_cv"] * sgn(i) * a_cv(n),
                ("nn4n-1.0.2", None): lambda i, n: sgn(i) * (lam["fr"] / count + factor * (lam["fr_sd"] * a_sd(n) + lam["fr_cv"] * a_cv(n))),
                ("nn4n-1.2.0", None): lambda i, n: 2 * lam["fr"] * m[n] / count + factor * (lam["fr_sd"] * sd(n) + lam["fr_cv"] * sgn(i) * a_cv(n)),
                ("mean-rate-squared", "fr"): lambda i, n: 2 * lam["fr"] * m[n] / count,
                ("unweighted", None): lambda i, n: 2 * x[i] / count + sd(n) + (sd(n) / mu - sigma / mu ** 2 / count),
                ("sample-sd", None): lambda i, n: 2 * lam["fr"] * x[i] / count + factor * (
                    lam["fr_sd"] * sd(n) + lam["fr_cv"] * (sd(n) / mu - sigma / mu ** 2 / count)),
            }
            for (name, term, *_), value in cases.items():
                verdict = self.claim(p, "fr", [value(i, i % p.n_hid) for i in units], term)
                self.assertEqual(self.ids(verdict)[:1], [name], (term, verdict))

    def test_magnitudes(self):
        """L1 for L2."""
        for tensor, term, sign in (("pred", "mse", 1), ("target", "mse", -1), ("w_in", "in", 1), ("w_out", "out", 1)):
            problem = Problem(self.rng)
            xs = problem.squares(term)
            values = [sign * problem.lambdas[term] * math.copysign(1, x) / len(xs) for x in xs]
            self.assertEqual(self.ids(self.claim(problem, tensor, values, term)), ["absolute"])

    def test_transposed(self):
        for dtype in ("F32", "F64"):
            problem = Problem(self.rng, dtype)
            right, n = self.right(problem, "w_hid"), problem.n_hid
            verdict = self.claim(problem, "w_hid", [right[j * n + i] for i in range(n) for j in range(n)])
            self.assertEqual(self.ids(verdict), ["transposed"])

    def test_places(self):
        problem = Problem(self.rng)
        right = self.right(problem, "fr")
        wrong, at = list(right), 2 * problem.t * problem.n_hid + problem.n_hid + 1
        wrong[at], wrong[at + 1] = right[at] + 1, "NaN"
        verdict = self.claim(problem, "fr", wrong)
        self.assertEqual((verdict["verdict"], verdict["mismatched"], verdict["elements"], verdict["nonfinite"]), ("fail", 2, len(right), 1))
        self.assertEqual(verdict["first_mismatch"]["index"], [2, 1, 1])
        self.assertEqual(verdict["first_mismatch"]["canonical"], right[at])
        self.assertEqual(float.fromhex(verdict["first_mismatch"]["claimed_hex"]), right[at] + 1)
        self.assertEqual(verdict["largest"]["absolute"]["index"], [2, 1, 2])
        self.assertEqual(verdict["largest"]["absolute"]["difference"], "Infinity")

    def test_random(self):
        explained = 0
        for i in range(ARGUMENTS.problems * 10):
            problem = Problem(self.rng, ("F32", "F64")[i % 2])
            tensor = self.rng.choice(("pred", "fr", "w_in", "w_hid", "w_out"))
            count = len(problem.values(tensor))
            explained += bool(self.ids(self.claim(problem, tensor, [self.rng.gauss(0, 0.01) for _ in range(count)])))
        print(f"{explained} of {ARGUMENTS.problems * 10} random gradients explained by chance")
        self.assertEqual(explained, 0)

    def test_inactive(self):
        problem = Problem(self.rng, terms=("fr",))
        verdict = self.claim(problem, "w_in", [0.0] * len(problem.values("w_in")), "in")
        self.assertEqual(verdict["verdict"], "pass")
        verdict = self.claim(problem, "w_in", [2 * x / len(problem.values("w_in")) for x in problem.values("w_in")], "in")
        self.assertEqual((verdict["verdict"], self.ids(verdict)), ("fail", ["unweighted"]))


class Reports(Base):
    def report(self, problem, claims, accept):
        headers = {"Content-Type": "application/json", "Accept": accept}
        return self.daemon.post(wire.Request("/validate", headers, json.dumps(problem.request(claims)).encode(), None), False, self.rng)

    def test_encodings(self):
        problem = Problem(self.rng)
        claims = {"loss": problem.total(), "terms": {"fr": 2 * problem.loss("fr"), "in": 5}}
        kinds = (("text/plain", "text/plain"), ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"), ("*/*", "application/json"))
        for accept, kind in kinds:
            status, headers, answer = self.report(problem, claims, accept)
            self.assertEqual((status, headers.get_content_type()), (200, kind))
            for word in ("terms.fr.loss", "double", "pass", "fail"):
                self.assertIn(word, answer.decode())
        self.assertIn("no well-known other definition fits", self.report(problem, claims, "text/plain")[2].decode())
        self.assertEqual(self.report(problem, claims, "image/png")[0], 406)

    def test_coarse(self):
        """By a tolerance of F16 each diagnosis is weak, and no pairs are tried."""
        problem = Problem(self.rng)
        for claim, ids in ((problem.right("fr_sd"), ["lambda-omitted"]), (spread(problem.means(), 1), [])):
            report = self.post(problem.request({"terms": {"fr_sd": claim}}, {"dtype": "F16"}))
            diagnosis = report["claims"]["terms.fr_sd.loss"]["diagnosis"]
            self.assertEqual([entry["id"] for entry in diagnosis][:len(ids)], ids)
            self.assertTrue(all(entry["weak"] and "+" not in entry["id"] for entry in diagnosis))

    def test_order(self):
        """Members in any order, claims before their dtype: the same answer."""
        problem = Problem(self.rng)
        shape, xs = problem.tensors["fr"]
        body = problem.request({"loss": 1, "gradients": {"fr": {"data": xs, "shape": shape, "dtype": "F32"}}})
        first = self.post(body)
        self.assertEqual(self.post(dict(reversed(body.items()))), first)

    def test_digest(self):
        problem = Problem(self.rng, "F32")
        digest = hashlib.sha256()
        for name in ("pred", "target", "fr", "w_in", "w_hid", "w_out"):
            shape, xs = problem.tensors[name]
            digest.update(name.encode() + b"\0F32\0" + struct.pack(f"<Q{len(shape)}Q", len(shape), *shape))
            digest.update(hashlib.sha256(struct.pack(f"<{len(xs)}f", *xs)).digest())
        digest.update(struct.pack("<7d", *(problem.lambdas[k] for k in TERMS)))
        self.assertEqual(self.post(problem.request({"loss": 1}))["inputs_sha256"], digest.hexdigest())

    def test_late_digest(self):
        body = {"lambdas": {}, "tensors": {"w_in": {"dtype": "F64", "shape": [1, 1], "data": [1]}}, "digest": 1}
        self.post(body, "/loss", 422, "invalid-request")
        self.post(dict(reversed(body.items())), "/loss")


class Errors(Base):
    def wrong(self, claims, kind, tolerance=None, **more):
        problem = Problem(self.rng, terms=("mse", "fr"))
        document = self.post(problem.request(claims, tolerance, **more), status=400 if kind == "duplicate" else 422, kind=kind)
        return document

    def test_claims(self):
        for claims in ({}, {"terms": {}}, {"gradients": {}}, {"los": 1}, {"terms": {"fr_sdd": 1}}, {"terms": {"fr": {"los": 1}}},
                       {"terms": {"fr": {"loss": "x"}}}, {"loss": True}, {"loss": [1]}, {"loss": None}, {"terms": [1]},
                       {"terms": {"fr": [1]}}, {"gradients": [1]}, {"gradients": {"fr_x": [1]}},
                       {"gradients": {"fr": [1.0, 2.0]}}, {"terms": {"mse": {"gradients": {"fr": [[[1.0]]]}}}}):
            with self.subTest(claims=claims):
                self.assertTrue(self.wrong(claims, "invalid-claim")["pointer"].startswith("/claims"))

    def test_tensor_of_a_claim(self):
        document = self.wrong({"gradients": {"fr": {"dtype": "F8", "shape": [1], "data": [1]}}}, "unsupported-dtype")
        self.assertEqual(document["pointer"], "/claims/gradients/fr/dtype")
        document = self.wrong({"terms": {"fr": {"gradients": {"fr": {"dtype": "F32", "shape": [2], "data": [1]}}}}}, "invalid-data")
        self.assertEqual(document["pointer"], "/claims/terms/fr/gradients/fr/data")

    def test_tolerance(self):
        for tolerance in ({"rtol": -1}, {"rtol": "1"}, {"ulps": 1, "rtol": 1}, {"dtype": "F8"}, {"dtype": 1}, {"tol": 1}, [1]):
            with self.subTest(tolerance=tolerance):
                self.wrong({"loss": 1}, "invalid-request", tolerance)

    def test_loss_takes_no_claims(self):
        problem = Problem(self.rng)
        self.post(problem.request({"loss": 1}), "/loss", 422, "invalid-request")
        self.post({"tensors": {}}, "/loss?rtol=1", 422, "invalid-request")
        self.post(safetensors(problem, {"loss": 1.0}, {}), "/loss", 422, "unknown-tensor")

    def test_duplicates(self):
        for text in ('"loss":1,"loss":1', '"terms":{"fr":1,"fr":1}', '"terms":{"fr":{"loss":1,"loss":2}}',
                     '"gradients":{},"gradients":{}', '"gradients":{"fr":[1],"fr":[1]}', '"terms":{},"terms":{}'):
            got, _, answer = self.daemon.post(wire.Request("/validate", {}, ('{"claims":{' + text + "}}").encode(), None), False, self.rng)
            self.assertEqual((got, json.loads(answer)["type"]), (400, "#duplicate"), text)

    def test_bytes(self):
        """Bodies cut, and changed, anywhere: a clean answer each time."""
        fr, w = {"dtype": "F32", "shape": [2, 2], "data": [1, 2, 3, 4]}, [[1, 2], [3, 4]]
        problem = Problem(self.rng, terms=("fr", "hid"))
        problem.tensors = {"fr": ([2, 2], [1, 2, 3, 4]), "w_hid": ([2, 2], [1, 2, 3, 5])}
        text = json.dumps({"lambdas": {"lambda_fr": 1, "lambda_hid": 2}, "tensors": {"fr": fr, "w_hid": w}, "tolerance": {"ulps": 1}, "claims": {
            "loss": "NaN", "terms": {"fr": 1, "hid": {"loss": 3, "unweighted": 1, "gradients": {"w_hid": w}}}, "gradients": {"fr": fr}}}).encode()
        binary = safetensors(problem, {"loss": 1.0, "terms.fr.loss": 1.0, "gradients.fr": ([2, 2], [1, 2, 3, 4]),
                                       "gradients.w_hid": ([2, 2], [1, 3, 2, 5])}, {"rtol": "0.1"}, "F32")
        statuses = collections.Counter()
        for body, kind in ((text, "application/json"), (binary, "application/vnd.safetensors")):
            bodies = [body[:i] for i in range(len(body))]
            for i in range(len(body)):
                bodies.append(body[:i] + bytes([self.rng.randrange(32, 127)]) + body[i + 1:])
                bodies.append(body[:i] + self.rng.choice((b"0", b'"', b"{", b"1", b"]")) + body[i:])
            for changed in bodies:
                got, _, answer = self.daemon.post(wire.Request("/validate", {"Content-Type": kind}, changed, None), False, self.rng)
                self.assertIn(got, (200, 400, 422), (changed, answer))
                json.loads(answer)
                statuses[got] += 1
        self.assertEqual(len(statuses), 3, statuses)

    def test_safetensors(self):
        problem = Problem(self.rng, terms=("fr",))
        for claims in ({"los": 1.0}, {"terms.fr": 1.0}, {"terms.x.loss": 1.0}, {"gradients.x": 1.0}, {"loss": ([2], [1.0, 1.0])}):
            self.post(safetensors(problem, claims, {}), status=422, kind="invalid-claim")
        report = self.post(safetensors(problem, {"loss": ([1], [1.0])}, {"tolerance_dtype": "F32", "ulps": "3"}))
        self.assertEqual(report["tolerance"], {"dtype": "F32", "ulps": 3.0, "source": "request"})


def main():
    global ARGUMENTS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=10)
    parser.add_argument("--random", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=None)
    ARGUMENTS = parser.parse_args()
    path = os.environ.get("RNNLOSSD") or os.path.join(os.environ.get("BUILD", os.path.join(oracle_test.ROOT, "build")), "rnnlossd")
    Base.daemon = oracle_test.Daemon(path)
    suite = unittest.defaultTestLoader
    tests = suite.loadTestsFromName(ARGUMENTS.only, sys.modules["__main__"]) if ARGUMENTS.only else suite.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout).run(tests)
    status = Base.daemon.stop()
    print(f"the daemon ended with {status}")
    sys.exit(not result.wasSuccessful() or status != 0)


if __name__ == "__main__":
    main()
