#!/usr/bin/env python3
"""Holds librnnloss, through ctypes, against exact rational arithmetic.

    tests/lib_oracle.py path/to/librnnloss.so [problems [seed]]

Independent of the library's method: Python's integers and fractions; a square root is an interval that is
narrowed until both ends round alike. Prints "N problems, M checks passed"; stops at the first difference.
"""
import ctypes
import math
import random
import struct
import sys
from ctypes import POINTER, Structure, byref, c_bool, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint64, c_void_p
from fractions import Fraction

F16, BF16, F32, F64 = range(4)
SIZE = [2, 2, 4, 8]
STORED = [10, 7, 23, 52]
LEAST = [-24, -133, -149, -1074]  # exponent of the smallest subnormal
FIELD = [31, 255, 255, 2047]
OK, MORE, ARGUMENT, LAMBDA, MISSING, LIMIT, UNDEFINED, OVERFLOW, INTERNAL = range(9)
MSE, IN, HID, OUT, FR, SD, CV = range(7)


class Nonfinite(Structure):
    _fields_ = [("nan", c_uint64), ("positive", c_uint64), ("negative", c_uint64)]


class Square(Structure):
    _fields_ = [("limb", c_int64 * 134), ("count", c_uint64), ("nonfinite", Nonfinite), ("loose", c_uint64)]


class Rates(Structure):
    _fields_ = [("limb", POINTER(c_int64)), ("neurons", c_size_t), ("limbs", c_size_t), ("count", c_uint64),
                ("nonfinite", Nonfinite), ("loose", c_uint64), ("window", c_uint64 * 5)]


class Problem(Structure):
    _fields_ = [("lam", c_double * 7), ("square", POINTER(Square) * 5), ("rates", POINTER(Rates))]


class Values(Structure):
    _fields_ = [("active", ctypes.c_uint), ("loss", c_double), ("term_loss", c_double * 7),
                ("unweighted", c_double * 7), ("scale", c_double * 5), ("negative_mean", c_bool)]


class Affine(Structure):
    _fields_ = [("scaled", c_bool), ("a", c_double), ("c", POINTER(c_double)), ("neurons", c_size_t)]


def load_library(path):
    lib = ctypes.CDLL(path)
    lib.rnnloss_load.restype = c_double
    lib.rnnloss_load.argtypes = [c_int, c_char_p]
    lib.rnnloss_bins_size.restype = lib.rnnloss_terms_size.restype = lib.rnnloss_rates_size.restype = c_size_t
    lib.rnnloss_rates_size.argtypes = [c_int, c_size_t]
    lib.rnnloss_bins_begin.restype = c_void_p
    lib.rnnloss_bins_begin.argtypes = [c_void_p, c_size_t]
    lib.rnnloss_square_add.argtypes = [c_void_p, c_void_p, c_int, c_char_p, c_size_t]
    lib.rnnloss_square_add_difference.argtypes = [c_void_p, c_void_p, c_int, c_char_p, c_int, c_char_p, c_size_t]
    lib.rnnloss_square_settle.argtypes = [c_void_p, c_void_p]
    lib.rnnloss_rates_begin.argtypes = [c_void_p, c_int, c_size_t, c_void_p, c_size_t]
    lib.rnnloss_rates_add.argtypes = [c_void_p, c_void_p, c_void_p, c_int, c_char_p, c_size_t]
    lib.rnnloss_terms_begin.argtypes = [c_void_p, c_size_t, c_void_p, POINTER(c_void_p), POINTER(c_int)]
    lib.rnnloss_terms_step.argtypes = [c_void_p, c_size_t, POINTER(c_int)]
    lib.rnnloss_terms_values.argtypes = [c_void_p]
    lib.rnnloss_terms_values.restype = POINTER(Values)
    lib.rnnloss_terms_offsets.argtypes = [c_void_p, c_bool, c_bool, c_size_t, c_size_t, POINTER(c_double)]
    lib.rnnloss_gradient.argtypes = [c_void_p, c_uint64, c_size_t, c_int, c_char_p, c_int, c_void_p]
    lib.rnnloss_gradient_difference.argtypes = [c_double, c_bool, c_size_t, c_int, c_char_p, c_int, c_char_p, c_int,
                                                c_void_p]
    return lib


# ---- Numbers ----

def decode(dtype, bits):
    """Exact value of an element's bits (finite), as (negative, Fraction of the magnitude)."""
    field = bits >> STORED[dtype] & FIELD[dtype]
    m = bits & ((1 << STORED[dtype]) - 1)
    if field:
        m |= 1 << STORED[dtype]
    e = max(field, 1) - 1 + LEAST[dtype]
    magnitude = Fraction(m << e) if e >= 0 else Fraction(m, 1 << -e)
    return bits >> (SIZE[dtype] * 8 - 1) == 1, magnitude


def real(dtype, bits):
    negative, magnitude = decode(dtype, bits)
    return -magnitude if negative else magnitude


def round_magnitude(dtype, v):
    """Bits of the element nearest to the Fraction v >= 0, ties to even; the infinity's if it overflows."""
    if v == 0:
        return 0
    e = v.numerator.bit_length() - v.denominator.bit_length()
    if v < Fraction(2) ** e:
        e -= 1
    ulp = max(e - STORED[dtype], LEAST[dtype])
    q = round(v / Fraction(2) ** ulp)  # Python rounds ties to even
    bits = q if ulp == LEAST[dtype] else q + (ulp - LEAST[dtype]) * (1 << STORED[dtype])
    return min(bits, FIELD[dtype] << STORED[dtype])


def root_interval(x, bits):
    """Fractions below and above sqrt(x), relatively 2^-bits apart; equal if it is rational."""
    n, d = math.isqrt(x.numerator), math.isqrt(x.denominator)
    if n * n == x.numerator and d * d == x.denominator:
        return Fraction(n, d), Fraction(n, d)
    scale = max(0, 2 * bits - x.numerator.bit_length() + x.denominator.bit_length()) // 2 + 1
    low = math.isqrt(x.numerator * 4 ** scale // x.denominator)
    return Fraction(low, 2 ** scale), Fraction(low + 1, 2 ** scale)


def round_surd(p, s, x):
    """Bits of the double nearest to p + s sqrt(x); INF bits if beyond."""
    bits = 128
    while True:
        low, high = root_interval(x, bits) if x else (Fraction(0), Fraction(0))
        ends = sorted([p + s * low, p + s * high])
        if (ends[0] < 0) == (ends[1] < 0) and (0 not in ends or ends[0] == ends[1]):
            a, b = (round_magnitude(F64, abs(v)) for v in ends)
            if a == b:
                return a | (1 << 63 if ends[0] < 0 else 0)
        bits *= 2


def bits_of(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def double_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


INF = 0x7FF << 52


# ---- Problems ----

def element(rng, dtype, mode, memory):
    top, stored = FIELD[dtype], STORED[dtype]
    sign = rng.getrandbits(1) << (SIZE[dtype] * 8 - 1)
    m = rng.getrandbits(stored)
    bias = top // 2
    if mode == "rate":
        return round_magnitude(dtype, Fraction(rng.random()))
    if mode == "normal":
        v = rng.gauss(0, 1)
        return round_magnitude(dtype, abs(Fraction(v))) | (sign if v else 0)
    if mode == "wild":
        return sign | rng.randrange(top) << stored | m
    if mode == "subnormal":
        return sign | rng.choice([0, 0, 1]) << stored | m
    if mode == "huge":
        return sign | rng.randrange(top - 3, top) << stored | m
    if mode == "tiny":
        return sign | rng.randrange(0, 6) << stored | m
    if mode == "equal":
        memory.setdefault("x", rng.randrange(top) << stored | m)
        return memory["x"]
    if mode == "near":
        memory.setdefault("x", (bias + rng.randrange(-3, 3)) << stored | m)
        return memory["x"] ^ rng.getrandbits(3)
    if mode == "cancel":
        memory.setdefault("x", []).append(sign | (bias + rng.randrange(-8, 8)) << stored | m)
        return memory["x"].pop(0) ^ (1 << (SIZE[dtype] * 8 - 1)) if len(memory["x"]) > 2 else memory["x"][-1]
    if mode == "integer":
        return round_magnitude(dtype, Fraction(rng.randrange(0, 5))) | sign
    if mode == "power":
        return sign | (bias + rng.choice([0, 0, 1, -1, 20, -20, -bias + 1])) % top << stored
    return sign if rng.random() < 0.7 else sign | bias << stored | m  # "sparse"


MODES = ["rate", "normal", "wild", "subnormal", "huge", "tiny", "equal", "near", "cancel", "integer", "power",
         "sparse"]


def tensor(rng, n, dtype=None, mode=None):
    dtype = rng.randrange(4) if dtype is None else dtype
    mode, memory = mode or rng.choice(MODES), {}
    return dtype, [element(rng, dtype, mode, memory) for _ in range(n)]


def data(t):
    return b"".join(b.to_bytes(SIZE[t[0]], sys.byteorder) for b in t[1])


def a_lambda(rng):
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice([5e-324, 2.0 ** -1022, 1.7976931348623157e308, 1e-300, 1e300])
    if kind == 1:
        return double_of(rng.randrange(1, INF))
    if kind == 2:
        return 2.0 ** rng.randrange(-60, 60)
    if kind == 3:
        return float(rng.randrange(1, 10))
    return 1.0 if kind == 4 else rng.random() * 10.0 ** rng.randrange(-6, 3)


def splits(rng, n):
    at = 0
    while at < n:
        part = rng.choice([1, 2, 3, 7, n, n, 600, 5000])
        yield at, min(n, at + part)
        at = min(n, at + part)


class Bench:
    def __init__(self, lib, seed):
        self.lib, self.rng, self.checks = lib, random.Random(seed), 0
        self.memory = ctypes.create_string_buffer(b"\xA5" * (lib.rnnloss_terms_size() + 64))
        self.bins_memory = ctypes.create_string_buffer(b"\x5A" * (lib.rnnloss_bins_size() + 64))
        start = -ctypes.addressof(self.bins_memory) % 64
        self.bins = lib.rnnloss_bins_begin(ctypes.addressof(self.bins_memory) + start, lib.rnnloss_bins_size())
        self.terms_at = ctypes.addressof(self.memory) + -ctypes.addressof(self.memory) % 64

    def same(self, what, got, wanted):
        self.checks += 1
        if got != wanted:
            raise AssertionError(f"{what}: got {got:#x} wanted {wanted:#x}" if isinstance(got, int)
                                 else f"{what}: got {got} wanted {wanted}")

    def square(self, t, other=None):
        sum_, raw = Square(), data(t)
        raw_other = data(other) if other else None
        bins = self.bins if self.rng.random() < 0.6 else None
        for a, b in splits(self.rng, len(t[1])):
            if other:
                status = self.lib.rnnloss_square_add_difference(
                    byref(sum_), bins, t[0], raw[a * SIZE[t[0]]:b * SIZE[t[0]]], other[0],
                    raw_other[a * SIZE[other[0]]:b * SIZE[other[0]]], b - a)
            else:
                status = self.lib.rnnloss_square_add(byref(sum_), bins, t[0], raw[a * SIZE[t[0]]:b * SIZE[t[0]]],
                                                     b - a)
            self.same("add", status, OK)
        self.lib.rnnloss_square_settle(byref(sum_), bins)
        exact = sum(((real(t[0], x) - (real(other[0], y) if other else 0)) ** 2
                     for x, y in zip(t[1], other[1] if other else t[1])), Fraction(0))
        self.same("limbs", sum(l << 32 * i for i, l in enumerate(sum_.limb)), exact * 2 ** 2176)
        return sum_, exact

    def rates(self, t, neurons):
        wide = t[0] == F64 or self.rng.random() < 0.2
        size = self.lib.rnnloss_rates_size(F64 if wide else t[0], neurons)
        memory = (c_int64 * (size // 8))(*[-1] * (size // 8))
        r, squares, raw = Rates(), Square(), data(t)
        self.same("begin", self.lib.rnnloss_rates_begin(byref(r), F64 if wide else t[0], neurons, memory, size), OK)
        bins = self.bins if self.rng.random() < 0.6 else None
        for a, b in splits(self.rng, len(t[1])):
            self.same("add", self.lib.rnnloss_rates_add(byref(r), byref(squares), bins, t[0],
                                                        raw[a * SIZE[t[0]]:b * SIZE[t[0]]], b - a), OK)
        self.lib.rnnloss_square_settle(byref(squares), bins)
        xs = [real(t[0], x) for x in t[1]]
        exact = [sum(xs[n::neurons], Fraction(0)) for n in range(neurons)]
        return r, exact, squares, sum((x * x for x in xs), Fraction(0)), memory

    def problem(self):
        rng, lib = self.rng, self.lib
        neurons, rows = rng.choice([1, 1, 2, 3, 4, 7, 16]), rng.choice([1, 1, 2, 3, 5])
        if rng.random() < 0.01:
            neurons, rows = 40, 30
        n_out = rng.choice([1, 1, 2, 3, 6]) if rng.random() < 0.99 else 700
        which = rng.randrange(1, 128) if rng.random() < 0.7 else 1 << rng.randrange(7)
        lam = [a_lambda(rng) if which >> k & 1 else 0.0 for k in range(7)]
        if rng.random() < 0.5:
            lam = [1.0 * (x != 0) for x in lam]
        pred = tensor(rng, n_out)
        target = tensor(rng, n_out, pred[0] if rng.random() < 0.6 else None)
        fr = tensor(rng, neurons * rows)
        weights = [tensor(rng, rng.choice([1, 2, 4, 6])) for _ in range(3)]
        sums = [self.square(pred, target)] + [self.square(w) for w in weights]
        r, s, fr_square, fr_exact, keep = self.rates(fr, neurons)
        sums.append((fr_square, fr_exact))
        counts = [len(pred[1])] + [len(w[1]) for w in weights] + [len(fr[1])]
        p = Problem()
        p.lam[:] = lam
        for k in range(5):
            p.square[k] = ctypes.pointer(sums[k][0])
        p.rates = ctypes.pointer(r)
        terms, culprit = c_void_p(), c_int(-1)
        self.same("terms", lib.rnnloss_terms_begin(self.terms_at, lib.rnnloss_terms_size(), byref(p), byref(terms),
                                                   byref(culprit)), OK)
        budget, status = rng.choice([1, 2, 1000]), MORE
        while status == MORE:
            status = lib.rnnloss_terms_step(terms, budget, byref(culprit))
        self.judge(lam, sums, counts, s, rows, terms, status, culprit.value)
        if status == OK:
            self.gradients(lam, pred, target, fr, weights, counts, s, terms)
        del keep
        return status

    def judge(self, lam, sums, counts, s, rows, terms, status, culprit):
        """Values, or the error, against the formulas."""
        n, count = len(s), len(s) * rows
        q1 = sum(s)
        d = n * sum(x * x for x in s) - q1 * q1
        wanted, failures = {}, set()
        rational, cofactor = Fraction(0), Fraction(0)
        for k, l in enumerate(lam):
            if l == 0:
                continue
            l = Fraction(l)
            if k < 5:
                v = sums[k][1] / counts[k]
                wanted[k] = (round_surd(l * v, 1, 0), round_surd(v, 1, 0))
                rational += l * v
                continue
            if k == CV and q1 == 0:
                failures.add((UNDEFINED, CV))
                continue
            f = 1 / (Fraction(count) if k == SD else q1)
            cofactor += l * f
            sign = 1 if f > 0 else -1
            wanted[k] = (round_surd(Fraction(0), sign, (l * f) ** 2 * d), round_surd(Fraction(0), sign, f * f * d))
        for k, w in wanted.items():
            if INF in (w[0] & ~(1 << 63), w[1] & ~(1 << 63)):
                failures.add((OVERFLOW, k))
        total = 0
        if not failures:
            total = round_surd(rational, 1 if cofactor > 0 else -1, cofactor ** 2 * d)
            if total & ~(1 << 63) == INF:
                failures.add((OVERFLOW, 7))
        if failures:
            self.same("failure", (status, culprit) in failures, True)
            return
        self.same("status", status, OK)
        v = self.lib.rnnloss_terms_values(terms).contents
        self.same("active", v.active, sum(1 << k for k in wanted))
        self.same("negative_mean", v.negative_mean, lam[CV] != 0 and q1 < 0)
        for k, w in wanted.items():
            self.same(f"term {k}", bits_of(v.term_loss[k]), w[0])
            self.same(f"unweighted {k}", bits_of(v.unweighted[k]), w[1])
            if k < 5:
                self.same(f"scale {k}", bits_of(v.scale[k]), round_magnitude(F64, 2 * Fraction(lam[k]) / counts[k]))
        self.same("total", bits_of(v.loss), total)

    def offsets(self, lam, s, count, terms, sd, cv):
        n, q1 = len(s), sum(s)
        d = n * sum(x * x for x in s) - q1 * q1
        c = (c_double * n)(*[-1.0] * n)
        first = self.rng.randrange(n)
        status = self.lib.rnnloss_terms_offsets(terms, sd, cv, 0, first, c)
        if status == OK:
            rest = ctypes.cast(ctypes.addressof(c) + 8 * first, POINTER(c_double))
            status = self.lib.rnnloss_terms_offsets(terms, sd, cv, first, n - first, rest)
        wanted = []
        for x in s:
            a = Fraction(0)
            if d != 0 and sd and lam[SD]:
                a += Fraction(lam[SD]) * (n * x - q1) / (count * d)
            if d != 0 and cv and lam[CV]:
                a += Fraction(lam[CV]) * ((n * x - q1) / (q1 * d) - 1 / q1 ** 2)
            wanted.append(round_surd(Fraction(0), 1 if a > 0 else -1, a * a * d))
        if any(w & ~(1 << 63) == INF for w in wanted):
            self.same("offsets overflow", status, OVERFLOW)
            return None
        self.same("offsets", status, OK)
        for i, w in enumerate(wanted):
            self.same(f"c[{i}]", bits_of(c[i]), w)
        return c

    def gradients(self, lam, pred, target, fr, weights, counts, s, terms):
        lib, rng = self.lib, self.rng
        v = lib.rnnloss_terms_values(terms).contents
        c = self.offsets(lam, s, len(fr[1]), terms, True, True)
        self.offsets(lam, s, len(fr[1]), terms, True, False)
        self.offsets(lam, s, len(fr[1]), terms, False, True)
        shapes = [(fr, FR, True)] + [(w, IN + i, False) for i, w in enumerate(weights)]
        for t, k, is_rate in shapes:
            if bits_of(v.scale[k]) == INF or (is_rate and c is None):
                continue
            shifted = is_rate and (lam[SD] != 0 or lam[CV] != 0)
            scaled = lam[k] != 0
            out_dtype = t[0] if rng.random() < 0.6 else rng.randrange(4)
            affine = Affine(scaled, v.scale[k], ctypes.cast(c, POINTER(c_double)) if shifted else None, len(s))
            first = rng.randrange(len(t[1]))
            n = len(t[1]) - first
            out = ctypes.create_string_buffer(n * SIZE[out_dtype] + 1)
            x = data(t)[first * SIZE[t[0]]:]
            self.same("gradient", lib.rnnloss_gradient(byref(affine), first, n, t[0], x, out_dtype, out), OK)
            for i in range(n):
                a = bits_of(v.scale[k]) if scaled else None
                off = bits_of(c[(first + i) % len(s)]) if shifted else None
                self.same(f"gradient[{i}] of {k}", self.element_at(out, out_dtype, i),
                          affine_bits(a, t[0], t[1][first + i], off, out_dtype))
        if lam[MSE] and bits_of(v.scale[MSE]) != INF:
            for negate in False, True:
                out_dtype = rng.randrange(4)
                n = len(pred[1])
                out = ctypes.create_string_buffer(n * SIZE[out_dtype] + 1)
                lib.rnnloss_gradient_difference(v.scale[MSE], negate, n, pred[0], data(pred), target[0], data(target),
                                                out_dtype, out)
                for i in range(n):
                    self.same(f"gradient[{i}] of mse", self.element_at(out, out_dtype, i), difference_bits(
                        bits_of(v.scale[MSE]), negate, pred[0], pred[1][i], target[0], target[1][i], out_dtype))

    @staticmethod
    def element_at(out, dtype, i):
        return int.from_bytes(out.raw[i * SIZE[dtype]:(i + 1) * SIZE[dtype]], sys.byteorder)


def signed_round(dtype, value, negative_zero):
    """Bits of a Fraction; negative_zero: the sign if it is exactly 0."""
    sign = value < 0 or (value == 0 and negative_zero)
    return round_magnitude(dtype, abs(value)) | sign << (SIZE[dtype] * 8 - 1)


def to_dtype(bits, dtype):
    """From F64 bits, infinities included."""
    if bits & ~(1 << 63) == INF:
        return FIELD[dtype] << STORED[dtype] | bits >> 63 << (SIZE[dtype] * 8 - 1)
    return signed_round(dtype, real(F64, bits), bits >> 63)


def affine_bits(a, dtype, x, c, out_dtype):
    if a is None:
        return 0 if c is None else to_dtype(c, out_dtype)
    product, negative = real(F64, a) * real(dtype, x), decode(dtype, x)[0]
    if c is None:
        return to_dtype(signed_round(F64, product, negative), out_dtype)
    zero_sign = negative and c >> 63 == 1
    return to_dtype(signed_round(F64, product + real(F64, c), zero_sign if product == 0 else False), out_dtype)


def difference_bits(a, negate, p_dtype, p, t_dtype, t, out_dtype):
    x, y = real(p_dtype, p), real(t_dtype, t)
    minus_zero = x == y == 0 and decode(p_dtype, p)[0] and not decode(t_dtype, t)[0]
    d = signed_round(F64, x - y, minus_zero)
    if d & ~(1 << 63) == INF:
        g = d if a else None
    else:
        g = signed_round(F64, real(F64, a) * real(F64, d), d >> 63)
    if g is None:  # 0 times infinity
        return FIELD[out_dtype] << STORED[out_dtype] | 1 << (STORED[out_dtype] - 1)
    return to_dtype(g ^ (1 << 63 if negate else 0), out_dtype)


def main():
    lib = load_library(sys.argv[1])
    problems = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    bench, statuses = Bench(lib, seed), {}
    for i in range(problems):
        try:
            status = bench.problem()
        except AssertionError as error:
            print(f"problem {i} of seed {seed}: {error}")
            return 1
        statuses[status] = statuses.get(status, 0) + 1
    print(f"{problems} problems, {bench.checks} checks passed; status: count {statuses}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
