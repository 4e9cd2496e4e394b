#!/usr/bin/env python3
"""POST /validate: right claims pass, each well-known other definition is found and named, wrong numbers are not.

    python3 tests/validate_test.py [--problems N] [--random N] [--seed S] [--only TEST]
    python3 tests/validate_test.py --measure      the hit rate of each definition and the rates of chance: four minutes

The other definitions are restated in validate_formulas.py, from their descriptions. --problems: random problems that
each definition is tried on; --random: wrong numbers, and gradients, that no diagnosis may explain (but by chance: the
rate is printed, and held against a bound). --measure: those of class Measure alone, --problems 50 --random 10000.
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
import tape
import wire
from validate_formulas import (DETACHED, DEVIATIONS, PAIRS, RELEASES, TENSORS, TERMS, Problem, cv, gradient, mean, narrow, safetensors, sequential,
                               spread)

ARGUMENTS = None


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

    def claim(self, problem, tensor, values, term=None, **more):
        """The verdict on a claimed gradient; by default in the dtype of the problem, as a worker would send it."""
        shape, dtype = more.pop("shape", problem.tensors[tensor][0]), more.pop("dtype", problem.dtype)
        if dtype == "F16" and any(isinstance(x, float) and abs(x) > 65504 for x in values):
            dtype = "F32"
        values = [narrow(x, dtype) if isinstance(x, float) else x for x in values]
        gradients = {"gradients": {tensor: {"dtype": dtype, "shape": shape, "data": values}}}
        path = f"terms.{term}.gradients.{tensor}" if term else "gradients." + tensor
        return self.post(problem.request({"terms": {term: gradients}} if term else gradients, **more))["claims"][path]


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


class Measure(Base):
    """How surely each other definition is found first, in values and in gradients; how often chance explains."""

    def rate(self, what, rows, missed=500):
        """rows: found or not, by definition; of so many, one may be missed: another one fits by chance."""
        hits, tries = sum(map(sum, rows.values())), sum(map(len, rows.values()))
        print(f"{what}: {hits} of {tries} found first")
        for name, found in rows.items():
            if ARGUMENTS.measure or not all(found):
                print(f"  {name}: {sum(found)} of {len(found)}")
        self.assertTrue(rows and all(rows.values()))
        self.assertLessEqual(tries - hits, tries // missed)

    def found(self, verdict, expected, *context):
        """Is it the first?"""
        ids = self.ids(verdict)
        if ids[:1] != [expected]:
            print(f"  {expected} {context}: {ids}")
        return ids[:1] == [expected]

    def problem(self, i=0):
        return Problem(self.rng, self.rng.choice(("F32", "F64")))

    def test_values(self):
        rows = collections.defaultdict(list)
        for name, (terms, value) in DEVIATIONS.items():
            for i in range(ARGUMENTS.problems):
                problem, term = self.problem(), terms[i % len(terms)]
                claim = problem.lambdas[term] * value(problem, term)
                verdict = self.post(problem.request({"terms": {term: claim}}))["claims"][f"terms.{term}.loss"]
                rows[name].append(self.found(verdict, name, term))
        self.rate("values", rows)

    def test_weighted_values(self):
        """lambda left out, twice, or where it should not be; with another definition too."""
        rows = collections.defaultdict(list)
        for weight, kind, power in (("lambda-omitted", "loss", 0), ("lambda-twice", "loss", 2), ("lambda-included", "unweighted", 1)):
            for name, (terms, value) in {"": (TERMS, Problem.right), **DEVIATIONS}.items():
                for i in range(-(-ARGUMENTS.problems // 3)):
                    problem, term = self.problem(), terms[i % len(terms)]
                    claim = value(problem, term) * problem.lambdas[term] ** power
                    verdict = self.post(problem.request({"terms": {term: {kind: claim}}}))["claims"][f"terms.{term}.{kind}"]
                    expected = weight + ("+" if name else "") + name
                    rows[expected].append(self.found(verdict, expected, term))
        self.rate("values with lambda left out, twice, or included", rows, 100)

    def test_pairs(self):
        """Two at once, in a value and in its gradient."""
        values, gradients = collections.defaultdict(list), collections.defaultdict(list)
        for name, (terms, value) in PAIRS.items():
            for i in range(ARGUMENTS.problems):
                problem, term = self.problem(), terms[i % len(terms)]
                tensor = self.rng.choice(TENSORS[term])
                verdict = self.post(problem.request({"terms": {term: problem.lambdas[term] * value(problem, term)}}))
                values[name].append(self.found(verdict["claims"][f"terms.{term}.loss"], name, term))
                wrong = gradient(problem, tensor, lambda p: p.lambdas[term] * value(p, term))
                gradients[name].append(self.found(self.claim(problem, tensor, wrong, term), name, term, tensor))
        self.rate("values, two at once", values, 100)
        self.rate("gradients, two at once", gradients)

    def test_other_values(self):
        """Whole releases; mse as if it had a weight; sums in sequence in F32."""
        rows = collections.defaultdict(list)
        for i in range(ARGUMENTS.problems):
            for name, value in RELEASES.items():
                problem = Problem(self.rng, ("F32", "F64")[i % 2], TERMS if i % 3 else TERMS[1:])
                losses = {k: problem.lambdas[k] * v for k, v in zip(("fr", "fr_sd", "fr_cv"), value(problem))}
                if not i % 3:
                    losses["mse"] = problem.right("mse")
                verdict = self.post(problem.request({"loss": problem.total(losses)}))["claims"]["loss"]
                rows[name].append(self.found(verdict, name if i % 3 else name + "+mse-weight-one"))
            problem = Problem(self.rng, "F64", ("in", "fr"))
            verdict = self.post(problem.request({"loss": problem.total({"mse": problem.right("mse")})}))["claims"]["loss"]
            rows["mse-weight-one"].append(self.found(verdict, "mse-weight-one"))
            problem, term = Problem(self.rng), TERMS[i % 7]
            claim = narrow(narrow(problem.lambdas[term], "F32") * sequential(problem, term), "F32")
            verdict = self.post(problem.request({"terms": {term: claim}}, {"rtol": 1e-10, "atol": 0}))["claims"][f"terms.{term}.loss"]
            rows["naive-f32"].append(self.found(verdict, "naive-f32", term))
        self.rate("other values", rows)

    def test_of_gradients_alone(self):
        rows = collections.defaultdict(list)
        for i in range(ARGUMENTS.problems):
            problem, term = self.problem(), TERMS[i % 7]
            tensor, by = self.rng.choice(TENSORS[term]), problem.lambdas[term]
            right = gradient(problem, tensor, lambda p: p.loss(term))
            for name, factor in (("sign", -1), ("zero", 0), ("unweighted", 1 / by), ("lambda-twice", by), ("scale", 0.123)):
                rows[name].append(self.found(self.claim(problem, tensor, [factor * x for x in right], term), name, term))
            for tensor in ("w_in", "w_hid", "w_out"):
                (n, m), right = problem.tensors[tensor][0], gradient(problem, tensor, Problem.total)
                wrong = [right[i * m + j] for j in range(m) for i in range(n)]
                verdict = self.claim(problem, tensor, wrong, shape=[m, n])
                rows["transposed" + ("" if n == m else ", not square")].append(self.found(verdict, "transposed", tensor))
        self.rate("gradients alone", rows)

    def test_gradients(self):
        """Of one term, and of a total in which one term is by another definition."""
        rows = collections.defaultdict(list)
        for name, (terms, value) in {**DEVIATIONS, **DETACHED}.items():
            for i in range(ARGUMENTS.problems):
                problem, term = self.problem(), terms[i % len(terms)]
                tensor, name = self.rng.choice(TENSORS[term]), name.split(" ")[0]
                wrong = gradient(problem, tensor, lambda p: p.lambdas[term] * value(p, term))
                rows[name].append(self.found(self.claim(problem, tensor, wrong, term), name, term, tensor))
                wrong = gradient(problem, tensor, lambda p: p.total({term: p.lambdas[term] * value(p, term)}))
                others = [k for k in TERMS if tensor in TENSORS[k] and k in terms]
                expected = name if len(others) == 1 else f"{term}:{name}"
                rows[name + ", of the total"].append(self.found(self.claim(problem, tensor, wrong), expected, term, tensor))
        self.rate("gradients", rows)

    def test_gradients_everywhere(self):
        """Of a total, all of whose terms that have the definition are by it."""
        rows = collections.defaultdict(list)
        for name, (terms, value) in DEVIATIONS.items():
            for i in range(ARGUMENTS.problems):
                problem, tensor = self.problem(), self.rng.choice(TENSORS[terms[i % len(terms)]])
                wrong = gradient(problem, tensor, lambda p: p.total({k: p.lambdas[k] * value(p, k) for k in terms}))
                rows[name].append(self.found(self.claim(problem, tensor, wrong), name, tensor))
        self.rate("gradients, in all terms", rows)

    def test_weighted(self):
        """lambda left out, or twice, and another definition: of one term, and of the total in all of them."""
        rows = collections.defaultdict(list)
        for name, (terms, value) in {**DEVIATIONS, **DETACHED}.items():
            name = name.split(" ")[0]
            for i in range(ARGUMENTS.problems):
                weight, power = (("unweighted", 0), ("lambda-twice", 2))[i % 2]
                problem, term = self.problem(), terms[i // 2 % len(terms)]
                tensor = self.rng.choice(TENSORS[term])
                by = {k: problem.lambdas[k] ** power for k in TERMS}
                wrong = gradient(problem, tensor, lambda p: by[term] * value(p, term))
                rows[f"{weight}+{name}"].append(self.found(self.claim(problem, tensor, wrong, term), f"{weight}+{name}", term, tensor))
                wrong = gradient(problem, tensor, lambda p: tape.fsum(by[k] * (value if k in terms else Problem.right)(p, k) for k in TERMS))
                rows[f"{weight}+{name}, of the total"].append(
                    self.found(self.claim(problem, tensor, wrong), f"{weight}+{name}", term, tensor))
        self.rate("gradients with lambda left out or twice", rows)

    def test_releases(self):
        """What published packages give, of the total and of its terms."""
        rows, parts = collections.defaultdict(list), ("fr", "fr_sd", "fr_cv")
        expected = {"nn4n-1.0.2": ("absolute", "sample-sd+absolute-rate", "sample-sd+absolute-rate"),
                    "nn4n-1.0.3": ("mean-rate-squared", "sample-sd+sd-of-squared-means", "sample-sd+absolute-rate-first-axis"),
                    "nn4n-1.2.0": ("mean-rate-squared", "sample-sd", "sample-sd+absolute-rate")}
        for name, value in RELEASES.items():
            for i in range(ARGUMENTS.problems):
                problem = self.problem()
                losses = lambda p: {k: p.lambdas[k] * v for k, v in zip(parts, value(p))}
                rows[name].append(self.found(self.claim(problem, "fr", gradient(problem, "fr", lambda p: p.total(losses(p)))), name))
                twice = lambda p: tape.fsum(p.lambdas[k] * v for k, v in losses(p).items())
                rows["lambda-twice+" + name].append(self.found(self.claim(problem, "fr", gradient(problem, "fr", twice)), "lambda-twice+" + name))
                for k, term in enumerate(parts):
                    verdict = self.claim(problem, "fr", gradient(problem, "fr", lambda p: losses(p)[term]), term)
                    rows[name + ", of its terms"].append(self.found(verdict, expected[name][k], term))
                    self.assertIn(name, verdict["diagnosis"][0]["releases"])
        self.rate("gradients of releases", rows)

    def chance(self, what, tries, explained, bounds):
        for dtype, bound in bounds.items():
            print(f"{explained[dtype]} of {tries[dtype]} random wrong {what} by {dtype}'s tolerance explained by chance")
            self.assertGreater(tries[dtype], 0)
            self.assertLessEqual(explained[dtype], 1 + tries[dtype] * bound)

    def test_wrong_numbers(self):
        """Random claims are not explained: they are wrong, but by no definition."""
        bounds = {"F32": 2e-3, "F64": 2e-4, "F16": 0.05, "BF16": 0.2}
        explained, tries = collections.Counter(), collections.Counter()
        for i in range(ARGUMENTS.random // 8 * len(bounds)):
            dtype = list(bounds)[i % len(bounds)]
            problem = Problem(self.rng, dtype)
            claims = {k: problem.loss(k) * math.exp(self.rng.gauss(0, 2)) for k in TERMS}
            report = self.post(problem.request({"terms": claims, "loss": problem.total() * math.exp(self.rng.gauss(0, 2))}))
            for path, verdict in report["claims"].items():
                tries[dtype] += verdict["verdict"] == "fail"
                explained[dtype] += bool(self.ids(verdict))
                self.assertTrue(all(entry.get("weak", False) == (dtype in ("F16", "BF16")) for entry in verdict.get("diagnosis", [])))
        self.chance("numbers", tries, explained, bounds)

    def wrong_gradient(self, problem, tensor, kind):
        """Noise; the right one with noise in it; its elements in another order; its terms with other weights."""
        gauss, right = self.rng.gauss, gradient(problem, tensor, Problem.total)
        most = max(map(abs, right))
        if kind == 0:
            return [gauss(0, 0.01) for _ in right]
        if kind == 1:
            return [x * math.exp(gauss(0, 0.3)) for x in right]
        if kind == 2:
            return [x + most * gauss(0, 0.05) for x in right]
        if kind == 3:
            return self.rng.sample(right, len(right))
        by = {k: v * math.exp(gauss(0, 1)) for k, v in problem.lambdas.items()}
        return gradient(problem, "fr", lambda p: tape.fsum(v * p.right(k) for k, v in by.items()))

    def test_wrong_gradients(self):
        bounds = {"F32": 1e-4, "F64": 1e-4, "F16": 3e-3, "BF16": 3e-2}
        explained, tries, kinds = collections.Counter(), collections.Counter(), collections.Counter()
        for i in range((ARGUMENTS.random if ARGUMENTS.measure else ARGUMENTS.random // 5) * len(bounds)):
            dtype, kind = list(bounds)[i % len(bounds)], i // len(bounds) % 5
            problem = Problem(self.rng, dtype)
            tensor = "fr" if kind == 4 else self.rng.choice(("pred", "target", "fr", "w_in", "w_hid", "w_out"))
            verdict = self.claim(problem, tensor, self.wrong_gradient(problem, tensor, kind))
            tries[dtype] += verdict["verdict"] == "fail"
            explained[dtype] += bool(self.ids(verdict))
            kinds[dtype, kind] += bool(self.ids(verdict))
        print("  of each kind:", {f"{dtype} {kind}": n for (dtype, kind), n in kinds.items() if n})
        self.chance("gradients", tries, explained, bounds)


class Deviations(Base):
    """Other definitions, in what is claimed of values."""

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

    def test_f32_input(self):
        problem = Problem(self.rng, terms=("fr",))
        problem.lambdas["fr"] = 100.0
        report = self.post(problem.request({"terms": {"fr": problem.loss("fr") * (1 + 1e-6)}}))
        self.assertEqual(self.ids(report["claims"]["terms.fr.loss"])[:1], ["f32-input"])
        report = self.post(problem.request({"terms": {"fr": problem.loss("fr") * (1 + 1e-6)}}, {"dtype": "F32"}))
        self.assertIs(report["valid"], True)


class Gradients(Base):
    """Wrong gradients: what they are, and that others are nothing that is known."""

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
            whole = "sum" if term not in ("fr_sd", "fr_cv") and (term or tensor != "fr") else "scale"
            factors = [(-1, "sign", "-gradient"), (0, "zero", "0"), (0.5, "half", "of the loss: claim = value / 2"), (2, "double", "2 *"),
                       (count, whole, "count *"), (0.123, "scale", "s *"), (1 / count, "scale", "gradient / count")]
            if term:
                factors += [(1 / problem.lambdas[term], "unweighted", "/ its lambda"), (problem.lambdas[term], "lambda-twice", "lambda *")]
            for factor, name, relation in factors:
                verdict = self.claim(problem, tensor, [x * factor for x in right], term)
                self.assertEqual(self.ids(verdict), [name], (tensor, term, factor, verdict))
                self.assertIn(relation, verdict["diagnosis"][0]["relation"])
                self.assertAlmostEqual(verdict["scale"], factor, delta=1e-6 * abs(factor))

    def test_explicit(self):
        """A few gradients written out by hand, beside those that are derived from the losses."""
        p = Problem(self.rng)
        m, count, x, lam = p.means(), len(p.values("fr")), p.values("fr"), p.lambdas
        mu, sigma, neurons = mean(m), spread(m), p.n_hid
        tau = [spread(x[n::neurons]) for n in range(neurons)]
        cases = {
            ("through-mean", "fr_cv"): lambda i, n: lam["fr_cv"] * (m[n] - mu) / (sigma * count) / mu,
            ("mean-rate-squared", "fr"): lambda i, n: 2 * lam["fr"] * m[n] / count,
            ("mean-rate-absolute", "fr"): lambda i, n: lam["fr"] * math.copysign(1, m[n]) / count,
            ("absolute", "fr"): lambda i, n: lam["fr"] * math.copysign(1, x[i]) / count,
            ("variance", "fr_sd"): lambda i, n: 2 * lam["fr_sd"] * (m[n] - mu) / count,
            ("pooled-sd", "fr_sd"): lambda i, n: lam["fr_sd"] * (x[i] - mean(x)) / (spread(x) * count),
            ("temporal-sd", "fr_cv"): lambda i, n: lam["fr_cv"] * ((x[i] - m[n]) / (tau[n] * count * mu) - mean(tau) / (mu ** 2 * count)),
            ("unweighted", None): lambda i, n: 2 * x[i] / count + (m[n] - mu) / (sigma * count) * (1 + 1 / mu) - sigma / mu ** 2 / count,
        }
        for (name, term), value in cases.items():
            verdict = self.claim(p, "fr", [value(i, i % neurons) for i in range(count)], term)
            self.assertEqual(self.ids(verdict)[:1], [name], (term, verdict))

    def test_in_one_term(self):
        """A definition that several terms have, in one of them; that only one has; and with a weight in all of them."""
        p = Problem(self.rng)
        by = p.lambdas
        for ids, loss in ((["fr_sd:variance"], lambda p: p.total({"fr_sd": by["fr_sd"] * spread(p.means()) ** 2})),
                          (["mean-rate-squared"], lambda p: p.total({"fr": by["fr"] * mean(m * m for m in p.means())})),
                          (["unweighted+fr_sd:variance"], lambda p: p.right("fr") + p.right("fr_cv") + spread(p.means()) ** 2)):
            self.assertEqual(self.ids(self.claim(p, "fr", gradient(p, "fr", loss))), ids)

    def test_transposed(self):
        for dtype in ("F32", "F64"):
            problem = Problem(self.rng, dtype)
            right, n = self.right(problem, "w_hid"), problem.n_hid
            transposed = [right[j * n + i] for i in range(n) for j in range(n)]
            for factor, name in ((1, ""), (0.5, "+half"), (-1, "+sign"), (n * n, "+sum"), (0.123, "+scale")):
                verdict = self.claim(problem, "w_hid", [factor * x for x in transposed])
                self.assertEqual(self.ids(verdict), ["transposed" + name])
            self.assertNotIn("shape", verdict)
        problem = Problem(self.rng)
        n = problem.n_hid
        problem.tensors["w_hid"] = [n, n], [float((i % n) * (i // n) + 1) for i in range(n * n)]
        verdict = self.claim(problem, "w_hid", [2 * x for x in self.right(problem, "w_hid")])
        self.assertEqual(self.ids(verdict), ["double"])  # its transpose is itself

    def test_misshapen(self):
        """The transpose of what isn't square: never right, but named."""
        for dtype, tensor, term in (("F32", "w_in", "in"), ("F64", "w_out", None)):
            problem = Problem(self.rng, dtype)
            (rows, columns), right = problem.tensors[tensor][0], self.right(problem, tensor)
            transposed = [right[i * columns + j] for j in range(columns) for i in range(rows)]
            for values, ids in ((transposed, ["transposed"]), ([x / 2 for x in transposed], ["transposed+half"]),
                                ([self.rng.gauss(0, 1) for _ in right], []), (right, [])):
                verdict = self.claim(problem, tensor, values, term, shape=[columns, rows])
                self.assertEqual((verdict["verdict"], self.ids(verdict)), ("fail", ids))
                self.assertEqual((verdict["shape"], verdict["canonical_shape"]), ([columns, rows], [rows, columns]))
                self.assertIn("shape", verdict["message"])
                self.assertEqual(verdict["mismatched"] == 0, values is transposed)
            at = columns * rows - 2
            verdict = self.claim(problem, tensor, transposed[:at] + [transposed[at] + 1] + transposed[at + 1:], term, shape=[columns, rows])
            self.assertEqual(verdict["first_mismatch"]["index"], [columns - 1, rows - 2])
            self.assertEqual(verdict["first_mismatch"]["canonical"], narrow(transposed[at], dtype))
        problem.tensors["w_in"] = (shape := problem.tensors["w_in"][0]), [0.5] * math.prod(shape)
        same = self.right(problem, "w_in")  # the same number everywhere
        self.assertEqual(self.ids(self.claim(problem, "w_in", same, shape=shape[::-1])), ["transposed"])
        report = self.post(problem.request({"gradients": {tensor: {"dtype": "F64", "shape": [rows * columns, 1], "data": transposed}}}),
                           status=422, kind="invalid-claim")
        self.assertIn("its shape is", report["detail"])

    def test_misshapen_inactive(self):
        problem = Problem(self.rng, terms=("fr",))
        rows, columns = problem.tensors["w_in"][0]
        verdict = self.claim(problem, "w_in", [0.0] * (rows * columns), "in", shape=[columns, rows])
        self.assertEqual((verdict["verdict"], verdict["mismatched"], self.ids(verdict)), ("fail", 0, ["zero"]))

    def test_releases(self):
        """In safetensors and F32, as a worker sends it."""
        problem = Problem(self.rng, "F32")
        wrong = gradient(problem, "fr", lambda p: p.total({k: p.lambdas[k] * v for k, v in zip(("fr", "fr_sd", "fr_cv"), RELEASES["nn4n-1.0.3"](p))}))
        report = self.post(safetensors(problem, {"gradients.fr": (problem.tensors["fr"][0], wrong)}, {}, "F32"))
        self.assertEqual(self.ids(report["claims"]["gradients.fr"]), ["nn4n-1.0.3"])

    def test_mse_weight_one(self):
        problem = Problem(self.rng, terms=("fr",))
        for tensor in ("pred", "target"):
            wrong = gradient(problem, tensor, lambda p: p.right("mse"))
            self.assertEqual(self.ids(self.claim(problem, tensor, wrong))[0], "mse-weight-one")
            self.assertEqual(self.ids(self.claim(problem, tensor, wrong, "mse"))[0], "mse-weight-one")

    def test_same_on_this_problem(self):
        """Positive rates: |fr| is fr, and no definition with it is named when a claim is wrong by less than most accept."""
        problem = Problem(self.rng)
        shape, xs = problem.tensors["fr"]
        problem.tensors["fr"] = shape, [abs(x) + 0.1 for x in xs]
        near = [x * (1 + 1e-9) for x in self.right(problem, "fr", "fr_sd")]
        verdict = self.claim(problem, "fr", near, "fr_sd", tolerance={"rtol": 1e-12, "atol": 0})
        self.assertEqual((verdict["verdict"], self.ids(verdict)), ("fail", []))
        wrong = gradient(problem, "fr", lambda p: p.lambdas["fr_sd"] * spread(p.means(abs), 1))
        self.assertEqual(self.ids(self.claim(problem, "fr", wrong, "fr_sd")), ["sample-sd"])

    def test_first_axis_of_one(self):
        """Nothing to average over on the first axis: all of |fr|."""
        problem = Problem(self.rng)
        (b, t, n), xs = problem.tensors["fr"]
        problem.b, problem.t, problem.tensors["fr"] = 1, b * t, ([1, b * t, n], xs)
        wrong = gradient(problem, "fr", lambda p: p.lambdas["fr_cv"] * DEVIATIONS["absolute-rate-first-axis"][1](p, "fr_cv"))
        self.assertEqual(self.ids(self.claim(problem, "fr", wrong, "fr_cv"))[:1], ["absolute-rate-first-axis"])

    def test_constant_rates(self):
        """A neuron whose rates are all the same: its standard deviation over time has no derivative; 0 is taken."""
        problem = Problem(self.rng)
        (b, t, n), xs = problem.tensors["fr"]
        xs = [0.3 if i % n == 0 else x for i, x in enumerate(xs)]
        problem.tensors["fr"] = [b, t, n], xs
        m, count = problem.means(), len(xs)
        tau = [0.0] + [spread(xs[k::n]) for k in range(1, n)]
        mu, by = mean(m), problem.lambdas["fr_cv"]
        values = [by * ((x - m[i % n]) / (tau[i % n] * count * mu) if i % n else 0.0) - by * mean(tau) / (mu ** 2 * count) for i, x in enumerate(xs)]
        self.assertEqual(self.ids(self.claim(problem, "fr", values, "fr_cv"))[:1], ["temporal-sd"])

    def test_one_element(self):
        """Any number is a multiple of any other: no scale, unless it has a name."""
        problem = Problem(self.rng, terms=("in",))
        problem.tensors = {"w_in": ([1, 1], [0.7])}
        for factor, ids in ((1.2345, []), (0.5, ["half"]), (2, ["double"])):
            verdict = self.claim(problem, "w_in", [2 * problem.lambdas["in"] * 0.7 * factor])
            self.assertEqual(self.ids(verdict)[:1], ids)

    def test_inaccurate(self):
        """As inaccurate as the tolerance allows, and more so."""
        for dtype, rtol in (("F64", 1e-7), ("F32", 1.3e-6), ("F16", 1e-3), ("BF16", 1.6e-2)):
            problem = Problem(self.rng, dtype)
            for part, ids in ((0.9, ["half"]), (30, [])):
                half = [x / 2 * (1 + part * rtol * self.rng.choice((-1, 1))) for x in self.right(problem, "fr")]
                verdict = self.claim(problem, "fr", half, dtype="F64")
                self.assertEqual(self.ids(verdict)[:1], ids, (dtype, part))
        for dtype, error in (("F64", 1.8e-7), ("F32", 9e-6)):  # in the largest element, by the absolute tolerance
            problem = Problem(self.rng, dtype)
            half = [x / 2 for x in self.right(problem, "fr")]
            most = max(range(len(half)), key=lambda i: abs(half[i]))
            half[most] *= 1 + error
            self.assertEqual(self.ids(self.claim(problem, "fr", half, dtype="F64"))[:1], ["half"])

    def test_large(self):
        """Many elements, of which only a few are wrong in another way, wherever they are."""
        problem = Problem(self.rng, "F32", ("in",))
        xs = [narrow(self.rng.gauss(0, 1), "F32") for _ in range(40 * 251)]
        problem.tensors = {"w_in": ([40, 251], xs)}
        half = [problem.lambdas["in"] * x / len(xs) for x in xs]
        self.assertEqual(self.ids(self.claim(problem, "w_in", half)), ["half"])
        for at in self.rng.sample(range(len(xs)), 20):
            wrong = list(half)
            wrong[at] += max(half) / 100
            self.assertEqual(self.ids(self.claim(problem, "w_in", wrong)), [])

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

    def test_coarse_gradients(self):
        problem = Problem(self.rng)
        coarse = {"tolerance": {"dtype": "BF16"}}
        wrong = gradient(problem, "fr", lambda p: p.lambdas["fr_cv"] * DEVIATIONS["pooled-sd"][1](p, "fr_cv"))
        verdict = self.claim(problem, "fr", wrong, "fr_cv", **coarse)
        self.assertEqual((self.ids(verdict), verdict["diagnosis"][0]["weak"]), (["pooled-sd"], True))
        wrong = gradient(problem, "fr", lambda p: DEVIATIONS["pooled-sd"][1](p, "fr_cv"))
        self.assertEqual(self.ids(self.claim(problem, "fr", wrong, "fr_cv", **coarse)), [])
        n, right = problem.n_hid, gradient(problem, "w_hid", Problem.total)
        transposed = [right[j * n + i] for i in range(n) for j in range(n)]
        self.assertEqual(self.ids(self.claim(problem, "w_hid", transposed, **coarse)), ["transposed"])
        self.assertEqual(self.ids(self.claim(problem, "w_hid", [x / 2 for x in transposed], **coarse)), [])

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
    parser.add_argument("--problems", type=int, default=None)
    parser.add_argument("--random", type=int, default=None)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=None)
    ARGUMENTS = parser.parse_args()
    ARGUMENTS.problems = ARGUMENTS.problems or (50 if ARGUMENTS.measure else 6)
    ARGUMENTS.random = ARGUMENTS.random or (10000 if ARGUMENTS.measure else 400)
    ARGUMENTS.only = ARGUMENTS.only or ("Measure" if ARGUMENTS.measure else None)
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
