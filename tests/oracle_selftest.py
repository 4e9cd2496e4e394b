#!/usr/bin/env python3
"""Tests of the oracle itself: hand-worked cases, 400-digit decimals, the machine's own arithmetic.

    python3 tests/oracle_selftest.py
"""
import decimal
import json
import math
import random
import struct
import unittest
from fractions import Fraction

import oracle
import problems
from oracle import BF16, F16, F32, F64, FORMATS, Failure, Problem, Surd, Tensor, decode, encode, power_of_two, round_to

decimal.getcontext().prec = 400
decimal.getcontext().Emin, decimal.getcontext().Emax = -10**6, 10**6
TINY = power_of_two(-200)


def tensor(values, shape=None, dtype="F64"):
    return Tensor(dtype, shape or [1, len(values)], [float(x) for x in values])


def evaluate(tensors, lambdas, **options):
    return oracle.evaluate(Problem(tensors, lambdas, **options))


class Numbers(unittest.TestCase):
    def test_limits_of_the_formats(self):
        for fmt, top, low in ((F16, 0x7bff, 2.0**-24), (BF16, 0x7f7f, 2.0**-133), (F32, 0x7f7fffff, 2.0**-149),
                              (F64, 0x7fefffffffffffff, 5e-324)):
            self.assertEqual(decode(top, fmt), float(fmt.max))
            self.assertEqual(decode(1, fmt), low)
            self.assertEqual(float(fmt.min_subnormal), low)
        self.assertEqual(float(F16.max), 65504.0)
        self.assertEqual(float(BF16.min_normal), 2.0**-126)

    def test_canonical_nans(self):
        bits = [encode(math.nan, fmt) for fmt in (F64, F32, F16, BF16)]
        self.assertEqual(bits, [0x7FF8000000000000, 0x7FC00000, 0x7E00, 0x7FC0])

    def test_every_16_bit_element_comes_back(self):
        for fmt in (F16, BF16):
            for bits in range(1 << 16):
                x = decode(bits, fmt)
                if not math.isnan(x):
                    self.assertEqual(encode(x, fmt), bits)
                    self.assertTrue(oracle.same(oracle.narrow(x, fmt), x))

    def test_decode_agrees_with_struct(self):
        rng = random.Random(1)
        for fmt, code in ((F16, "e"), (F32, "f"), (F64, "d")):
            for _ in range(3000):
                bits = rng.getrandbits(8 * fmt.size)
                x, = struct.unpack("<" + code, bits.to_bytes(fmt.size, "little"))
                self.assertTrue(oracle.same(decode(bits, fmt), x))

    def test_rounding_agrees_with_struct(self):
        rng = random.Random(2)
        for fmt, code in ((F16, "e"), (F32, "f")):
            for _ in range(5000):
                x = math.ldexp(rng.uniform(-2, 2), rng.randint(fmt.emin - 30, fmt.emax - 2))
                y, = struct.unpack("<" + code, struct.pack("<" + code, x))
                self.assertTrue(oracle.same(oracle.narrow(x, fmt), y), x)

    def test_rounding_agrees_with_division_of_integers(self):
        rng = random.Random(3)
        for _ in range(5000):
            n, d = rng.getrandbits(rng.randint(1, 900)), rng.getrandbits(rng.randint(1, 900)) | 1
            self.assertEqual(round_to(Fraction(n, d)), n / d)

    def test_ties_go_to_even(self):
        for fmt in FORMATS.values():
            ulp = power_of_two(1 - fmt.precision)
            half = ulp / 2
            self.assertEqual(round_to(1 + half, fmt), 1.0)
            self.assertEqual(round_to(1 + half + TINY, fmt), float(1 + ulp))
            self.assertEqual(round_to(1 + 3 * half, fmt), float(1 + 2 * ulp))
            self.assertEqual(round_to(1 + 3 * half - TINY, fmt), float(1 + ulp))
            self.assertEqual(round_to(fmt.min_subnormal / 2, fmt), 0.0)
            self.assertEqual(round_to(fmt.min_subnormal * Fraction(3, 2), fmt), float(2 * fmt.min_subnormal))
            self.assertTrue(oracle.same(round_to(-fmt.min_subnormal / 2, fmt), -0.0))

    def test_the_border_to_infinity(self):
        for fmt in FORMATS.values():
            tie = fmt.max + power_of_two(fmt.emax - fmt.precision)
            self.assertEqual(round_to(tie, fmt), math.inf)
            self.assertEqual(round_to(-tie, fmt), -math.inf)
            self.assertEqual(round_to(tie - TINY, fmt), float(fmt.max))

    def test_f16_is_not_rounded_twice(self):
        x = float.fromhex("0x1.0020000001p+0")
        self.assertEqual(encode(oracle.narrow(x, F16), F16), 0x3c01)

    def test_decimals_are_rounded_once(self):
        half = 1 + power_of_two(-24)  # midway between two F32
        text = str(decimal.Decimal(half.numerator) / decimal.Decimal(half.denominator))
        self.assertEqual(oracle.from_decimal(text, F32), 1.0)
        self.assertEqual(float(text + "0" * 40 + "1"), float(half))
        self.assertEqual(oracle.from_decimal(text + "0" * 40 + "1", F32), float(1 + power_of_two(-23)))
        self.assertTrue(oracle.same(oracle.from_decimal("-1e-400"), -0.0))

    def test_shortest(self):
        self.assertEqual(oracle.shortest(65504.0, F16), "6.55e+04")
        self.assertEqual(oracle.shortest(float(round_to(Fraction(1, 10), F32)), F32), "1e-01")
        for text, fmt, good in (("1.0", F64, True), ("10.0", F16, True), ("0.10", F32, True), ("0.100000001", F32, False),
                                ("65504.0", F16, False), ("65500.0", F16, True), ("-0.0", F64, True), ("5e-324", F64, True),
                                ("4.9e-324", F64, False), ("0.30000000000000004", F64, True), ("6e-08", F16, True),
                                ("5.96e-08", F16, False)):
            self.assertEqual(oracle.is_shortest(text, fmt), good, text)

    def test_repr_is_the_shortest(self):
        rng = random.Random(4)
        powers = [math.ldexp(1, e) for e in range(-1074, 1024, 13)]
        for x in powers + [problems.random_bits(rng, F64) for _ in range(300)]:
            self.assertTrue(oracle.is_shortest(repr(x), F64), x)


class Arithmetic(unittest.TestCase):
    """The software binary64 against the machine's."""

    SPECIAL = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, float(F64.max), -float(F64.max))

    def pairs(self):
        rng = random.Random(5)
        yield from ((a, b) for a in self.SPECIAL for b in self.SPECIAL)
        for _ in range(3000):
            yield problems.random_bits(rng, F64), problems.random_bits(rng, F64)
            yield problems.modest(rng, F64), problems.modest(rng, F64)

    def test_product_and_difference(self):
        for a, b in self.pairs():
            self.assertTrue(oracle.same(oracle.mul64(a, b), a * b), (a, b))
            self.assertTrue(oracle.same(oracle.sub64(a, b), a - b), (a, b))

    def test_fma(self):
        for a, x, c, y in ((1.0, 1.0, -1.0, 0.0), (1.0, -0.0, 0.0, 0.0), (1.0, -0.0, -0.0, -0.0), (-1.0, 0.0, -0.0, -0.0),
                           (1.0, 0.0, -0.0, 0.0), (5e-324, -0.25, 0.0, -0.0), (math.inf, 0.0, 1.0, math.nan),
                           (1.0, math.inf, 1.0, math.inf), (2.0, 3.0, math.nan, math.nan),
                           (1 + 2.0**-52, 1 - 2.0**-52, -1.0, -(2.0**-104))):
            self.assertTrue(oracle.same(oracle.fma64(a, x, c), y), (a, x, c))

    def test_fma_with_a_zero_addend_is_the_product(self):
        for a, b in self.pairs():
            if a * b != 0:
                self.assertTrue(oracle.same(oracle.fma64(a, b, 0.0), a * b))


class Surds(unittest.TestCase):
    def as_decimal(self, s):
        def number(x):
            return decimal.Decimal(x.numerator) / decimal.Decimal(x.denominator)
        return number(s.r) + number(s.b) * number(s.v).sqrt()

    def test_against_400_digits(self):
        rng = random.Random(6)
        for _ in range(2000):
            r, b, v = (Fraction(problems.at_exponent(rng, F64, rng.randint(-30, 30))) for _ in range(3))
            s = Surd(r * rng.choice((0, 1)), b, abs(v))
            self.assertEqual(oracle.round_surd(s), float(self.as_decimal(s)))
            self.assertEqual(oracle.surd_sign(s), oracle.sign(self.as_decimal(s)))

    def test_cancelling(self):
        two = Fraction(2)
        for digits in (10, 50, 150, 300):
            near = Fraction(math.isqrt(2 * 10**(2 * digits)), 10**digits)  # sqrt 2, cut off
            s = Surd(-near, Fraction(1), two)
            self.assertEqual(oracle.round_surd(s), float(self.as_decimal(s)))
            self.assertEqual(oracle.surd_sign(s), 1)

    def test_rational_roots_are_exact(self):
        mid = 1 + power_of_two(-53)
        self.assertEqual(oracle.round_surd(Surd(b=Fraction(1), v=mid * mid)), 1.0)
        self.assertEqual(oracle.round_surd(Surd(b=Fraction(1), v=mid * mid + TINY)), 1 + 2.0**-52)
        self.assertEqual(oracle.round_surd(Surd(b=Fraction(1), v=mid * mid - TINY)), 1.0)
        self.assertTrue(oracle.same(oracle.round_surd(Surd(Fraction(-3), Fraction(1), Fraction(9))), 0.0))

    def test_nearest_is_only_one(self):
        rng = random.Random(7)
        for _ in range(300):
            s = Surd(Fraction(rng.uniform(-1, 1)), Fraction(rng.uniform(-1, 1)), Fraction(rng.random()))
            y = oracle.round_surd(s)
            self.assertTrue(oracle.is_nearest(y, s))
            self.assertFalse(oracle.is_nearest(math.nextafter(y, math.inf), s))
            self.assertFalse(oracle.is_nearest(math.nextafter(y, -math.inf), s))


class Losses(unittest.TestCase):
    """Worked by hand."""

    def test_mse(self):
        r = evaluate({"pred": tensor([1, 2]), "target": tensor([0, 4])}, {"mse": 3.0}, wrt=["pred", "target"])
        self.assertEqual((r.loss, r.terms["mse"].unweighted), (7.5, 2.5))
        self.assertEqual(r.gradients["pred"].values, [3.0, -6.0])
        self.assertEqual(r.gradients["target"].values, [-3.0, 6.0])

    def test_weights(self):
        w = tensor([1, 2, 3, -4, 0, 0], [2, 3])
        r = evaluate({"w_in": w}, {"in": 0.5})
        self.assertEqual((r.loss, r.terms["in"].unweighted), (2.5, 5.0))
        a = 1.0 / 6
        self.assertEqual(r.gradients["w_in"].values, [a * x for x in w.values])

    def test_rates(self):
        # m = (2, 4), mu = 3, sigma = 1; sum of squares 1 + 9 + 9 + 25 = 44
        fr = tensor([1, 3, 3, 5], [2, 2])
        r = evaluate({"fr": fr}, {"fr": 1.0, "fr_sd": 2.0, "fr_cv": 3.0}, gradients="per_term")
        self.assertEqual([t.loss for t in r.terms.values()], [11.0, 2.0, 1.0])
        self.assertEqual(r.terms["fr_cv"].unweighted, 1 / 3)
        self.assertEqual(r.loss, 14.0)
        self.assertEqual(r.terms["fr"].gradients["fr"].values, [0.5, 1.5, 1.5, 2.5])
        self.assertEqual(r.terms["fr_sd"].gradients["fr"].values, [-0.5, 0.5] * 2)
        # 3/4 (-+1/3 - 1/9) = -1/3, 1/6
        self.assertEqual(r.terms["fr_cv"].gradients["fr"].values, [-1 / 3, 1 / 6] * 2)
        self.assertEqual(r.gradients["fr"].values[0], float(Fraction(1, 2) + Fraction(-5 / 6)))

    def test_gradients_against_differences(self):
        """The formulas of the gradients are those of the values: differences at 400 digits."""
        rng = random.Random(8)
        xs = [Fraction(rng.randint(1, 99), 16) for _ in range(6)]
        step, lambdas = power_of_two(-300), {"fr": 1.0, "fr_sd": 0.5, "fr_cv": 0.25}
        g = evaluate({"fr": tensor(xs, [2, 3])}, lambdas).gradients["fr"].values
        for i in range(6):
            up, down = list(xs), list(xs)
            up[i] += step
            down[i] -= step
            slope = (self.total(up, lambdas) - self.total(down, lambdas)) / (2 * decimal.Decimal(step.numerator) / step.denominator)
            self.assertAlmostEqual(float(slope), g[i], places=14)

    def total(self, xs, lambdas):
        xs = [decimal.Decimal(x.numerator) / x.denominator for x in xs]
        m = [(xs[n] + xs[n + 3]) / 2 for n in range(3)]
        mu = sum(m) / 3
        sigma = (sum((x - mu)**2 for x in m) / 3).sqrt()
        parts = {"fr": sum(x * x for x in xs) / 6, "fr_sd": sigma, "fr_cv": sigma / mu}
        return sum(decimal.Decimal(lambdas[t]) * parts[t] for t in parts)

    def test_total_is_not_the_sum_of_rounded_terms(self):
        w = {"w_in": tensor([1]), "w_hid": tensor([1]), "w_out": tensor([1])}
        r = evaluate(w, {"in": 1.0, "hid": 2.0**-53, "out": 2.0**-54})
        self.assertEqual(r.loss, 1 + 2.0**-52)

    def test_equal_rates(self):
        for lambdas in ({"fr_sd": 1.0}, {"fr_cv": 1.0}, {"fr_sd": 1.0, "fr_cv": 2.0}):
            r = evaluate({"fr": tensor([2, 2, 2])}, lambdas)
            self.assertTrue(oracle.same(r.loss, 0.0))
            self.assertTrue(all(oracle.same(x, 0.0) for x in r.gradients["fr"].values))
            self.assertEqual(r.warnings, [])

    def test_signed_zeros(self):
        r = evaluate({"pred": tensor([1]), "target": tensor([1])}, {"mse": 1.0}, wrt=["pred", "target"])
        self.assertTrue(oracle.same(r.gradients["pred"].values[0], 0.0))
        self.assertTrue(oracle.same(r.gradients["target"].values[0], -0.0))
        r = evaluate({"fr": tensor([-0.0, -0.0])}, {"fr": 1.0})
        self.assertTrue(oracle.same(r.gradients["fr"].values[0], -0.0))
        r = evaluate({"fr": tensor([-0.0, -0.0])}, {"fr": 1.0, "fr_sd": 1.0})
        self.assertTrue(oracle.same(r.gradients["fr"].values[0], 0.0))

    def test_failures(self):
        for kind, tensors, lambdas, options in (
                ("undefined", {"fr": tensor([1, -1])}, {"fr_cv": 1.0}, {}),
                ("overflow", {"w_in": tensor([1e200])}, {"in": 1e-300}, {}),
                ("overflow", {"w_in": tensor([1])}, {"in": 1e308}, {}),
                ("overflow undefined", {"fr": tensor([1, -1]), "w_in": tensor([1e200])}, {"fr_cv": 1.0, "in": 1.0}, {}),
                ("non-finite", {"w_in": tensor([math.inf])}, {}, {})):
            with self.assertRaises(Failure) as caught:
                evaluate(tensors, lambdas, **options)
            self.assertEqual(caught.exception.kinds, set(kind.split()))
        self.assertEqual(evaluate({"w_in": tensor([1])}, {"in": 1e308}, gradients="none").loss, 1e308)
        self.assertEqual(evaluate({"w_in": tensor([1])}, {"in": 1e308}, wrt=[]).gradients, {})

    def test_propagate(self):
        r = evaluate({"fr": tensor([math.inf, 1]), "w_in": tensor([math.nan])}, {"fr": 1.0, "fr_sd": 1.0},
                     nonfinite="propagate", gradients="per_term")
        self.assertEqual(r.terms["fr"].loss, math.inf)
        self.assertTrue(math.isnan(r.terms["fr_sd"].loss) and math.isnan(r.loss))
        self.assertTrue(all(map(math.isnan, r.gradients["fr"].values)))
        self.assertEqual(r.terms["fr"].gradients["fr"].values, [math.inf, 1.0])
        r = evaluate({"pred": tensor([math.inf, 1]), "target": tensor([1, 1])}, {"mse": 1.0}, nonfinite="propagate")
        self.assertEqual(r.loss, math.inf)

    def test_warnings(self):
        r = evaluate({"fr": tensor([-1, -2], dtype="F16")}, {"fr_cv": 1.0, "fr": 1e-6})
        self.assertEqual(r.warnings, ["negative-mean-rate", "underflow"])
        r = evaluate({"fr": tensor([-1, -2], dtype="F16")}, {"fr_cv": 1.0, "fr": 1e-6}, gradient_dtype="F32")
        self.assertEqual(r.warnings, ["negative-mean-rate"])
        r = evaluate({"fr": tensor([-1, -2], dtype="F16")}, {"fr": 1e-6}, gradients="none")
        self.assertEqual(r.warnings, [])

    def test_unused_and_zero_gradients(self):
        r = evaluate({"w_out": tensor([1]), "w_in": tensor([-1])}, {"in": 1.0, "out": -0.0}, wrt=["w_out"])
        self.assertEqual((r.unused, list(r.terms)), (["w_out"], ["in"]))
        self.assertTrue(oracle.same(r.gradients["w_out"].values[0], 0.0))


class Generator(unittest.TestCase):
    """The problems are what they are said to be."""

    COUNT = 1500

    def test_deterministic(self):
        for i in range(60):
            self.assertEqual(repr(problems.generate(9, i)), repr(problems.generate(9, i)))

    def test_requests_come_back(self):
        for i in range(60):
            p = problems.generate(10, i)
            q = oracle.read_request(oracle.write_request(p))
            self.assertEqual(repr(p).split("label=")[0], repr(q).split("label=")[0])

    def test_ties_are_ties(self):
        """Of each recipe for ties, some values lie exactly on a midpoint and some just beside it."""
        on, beside = {}, {}
        for i in range(self.COUNT):
            p = problems.generate(11, i)
            if not p.label.endswith(("_tie", "_beside", "_border")) or p.label in ("gradient_tie", "offset_tie"):
                continue
            evaluation = oracle.Evaluation(p)
            exact = [evaluation.unweighted(t) for t in evaluation.active]
            weighted = [oracle.weigh(x, Fraction(p.lambdas[t])) for x, t in zip(exact, evaluation.active)]
            distances = [self.distance(s) for s in exact + weighted + [oracle.add(weighted)]]
            on[p.label] = on.get(p.label, 0) + (0 in distances)
            beside[p.label] = beside.get(p.label, 0) + any(0 < d < 1e-5 for d in distances)
        for label in ("square_tie", "loss_tie", "total_tie", "sd_tie", "cv_tie", "overflow_border"):
            self.assertGreater(on[label], 2, label)
        for label in ("square_tie", "loss_tie", "total_tie", "sd_tie", "sd_beside", "cv_tie", "cv_beside"):
            self.assertGreater(beside[label], 2, label)

    def distance(self, s):
        """From the nearest midpoint of two binary64, in ulps."""
        root = oracle.rational_root(s.v)
        x = abs(s.r + s.b * (root if root is not None else oracle.root_bounds(s.v, 1200)[0]))
        if x == 0:
            return 1
        quantum = power_of_two(max(oracle.floor_log2(x), F64.emin) - F64.precision + 1)
        return float(abs(x / quantum % 1 - Fraction(1, 2)))


class CommandLine(unittest.TestCase):
    def test_written_answer_is_json(self):
        p = Problem({"fr": tensor([1, 2])}, {"fr": 1.0}, gradients="per_term")
        answer = json.loads(oracle.write_result(oracle.evaluate(p)))
        self.assertEqual(answer["terms"]["fr"]["gradients"]["fr"]["data"], ["1.0", "2.0"])


if __name__ == "__main__":
    unittest.main()
