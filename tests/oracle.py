#!/usr/bin/env python3
"""The independent truth: the seven RNN losses in exact rational arithmetic.

Every function here follows the formulas of the documentation (the table "The losses" and the
section "Gradients, defined to the bit" of the numeric contract) as they stand: means are fractions,
sigma is the square root of a fraction, nothing is rounded before the end, and then once. It shares
no code and no reduction with librnnloss, and needs nothing but Python's standard library.

    python3 tests/oracle.py request.json        prints the answer that POST /loss must give
"""
import base64
import collections
import json
import math
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Optional

TENSORS = ("pred", "target", "fr", "w_in", "w_hid", "w_out")
TERMS = ("mse", "in", "hid", "out", "fr", "fr_sd", "fr_cv")
USES = {"mse": ("pred", "target"), "in": ("w_in",), "hid": ("w_hid",), "out": ("w_out",),
        "fr": ("fr",), "fr_sd": ("fr",), "fr_cv": ("fr",)}
RATE_TERMS = ("fr_sd", "fr_cv")  # the terms whose gradient is an offset c[n]

# ---- Numbers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Format:
    """A binary floating-point format of IEEE 754's kind: its elements are +-n*2^q."""
    name: str
    size: int       # bytes
    precision: int  # bits of the significand, the hidden one included
    emax: int       # exponent of the largest binade

    @property
    def emin(self):
        """Exponent of the smallest normal number."""
        return 1 - self.emax

    @property
    def exponent_bits(self):
        return 8 * self.size - self.precision

    @property
    def max(self):
        return Fraction(2**self.precision - 1) * power_of_two(self.emax - self.precision + 1)

    @property
    def min_normal(self):
        return power_of_two(self.emin)

    @property
    def min_subnormal(self):
        return power_of_two(self.emin - self.precision + 1)


def power_of_two(e):
    """2^e as a fraction."""
    return Fraction(2**e) if e >= 0 else Fraction(1, 2**-e)


F16 = Format("F16", 2, 11, 15)
BF16 = Format("BF16", 2, 8, 127)
F32 = Format("F32", 4, 24, 127)
F64 = Format("F64", 8, 53, 1023)
FORMATS = {f.name: f for f in (F16, BF16, F32, F64)}


def floor_log2(x):
    """The e with 2^e <= x < 2^(e+1), for a fraction x > 0."""
    e = x.numerator.bit_length() - x.denominator.bit_length()
    return e if x >= power_of_two(e) else e - 1


def round_half_even(x):
    """The integer nearest to the fraction x >= 0, ties to even."""
    n, rest = divmod(x.numerator, x.denominator)
    twice = 2 * rest
    if twice > x.denominator or (twice == x.denominator and n & 1):
        n += 1
    return n


def round_to(x, fmt=F64):
    """The exact fraction x rounded once to fmt, ties to even, as a Python float (which holds every
    element of the four formats). Zero is +0; what underflows keeps its sign; overflow is infinite."""
    if x == 0:
        return 0.0
    magnitude = abs(x)
    quantum = max(floor_log2(magnitude), fmt.emin) - fmt.precision + 1
    n = round_half_even(magnitude * power_of_two(-quantum))
    if n * power_of_two(quantum) > fmt.max:
        result = math.inf
    else:
        result = math.ldexp(n, quantum)
    return -result if x < 0 else result


def narrow(x, fmt):
    """The binary64 x rounded once to fmt; zeros keep their sign, NaN and infinities pass."""
    if x == 0 or not math.isfinite(x):
        return x
    return round_to(Fraction(x), fmt)


def encode(x, fmt):
    """The bits, as an integer, of an element x of fmt. NaN is the canonical one."""
    fraction_bits = fmt.precision - 1
    top = 2**fmt.exponent_bits - 1
    if math.isnan(x):
        return (top << fraction_bits) | (1 << (fraction_bits - 1))
    sign = (1 if math.copysign(1.0, x) < 0 else 0) << (8 * fmt.size - 1)
    if math.isinf(x):
        return sign | (top << fraction_bits)
    if x == 0:
        return sign
    magnitude = abs(Fraction(x))
    e = max(floor_log2(magnitude), fmt.emin)
    n = magnitude * power_of_two(fraction_bits - e)
    if n.denominator != 1 or magnitude > fmt.max:
        raise ValueError(f"{x!r} is no {fmt.name}")
    n = n.numerator
    biased = e + fmt.emax if n >> fraction_bits else 0
    return sign | (biased << fraction_bits) | (n & (2**fraction_bits - 1))


def decode(bits, fmt):
    """The element of fmt with these bits, as a Python float."""
    fraction_bits = fmt.precision - 1
    n = bits & (2**fraction_bits - 1)
    biased = (bits >> fraction_bits) & (2**fmt.exponent_bits - 1)
    sign = -1.0 if bits >> (8 * fmt.size - 1) else 1.0
    if biased == 2**fmt.exponent_bits - 1:
        return math.nan if n else sign * math.inf
    if biased:
        n |= 2**fraction_bits
    return math.copysign(math.ldexp(n, max(biased, 1) - fmt.emax - fraction_bits), sign)


def to_bytes(values, fmt):
    """Little-endian bytes of elements."""
    return b"".join(encode(x, fmt).to_bytes(fmt.size, "little") for x in values)


def from_bytes(data, fmt):
    """The elements in little-endian bytes."""
    return [decode(int.from_bytes(data[i:i + fmt.size], "little"), fmt) for i in range(0, len(data), fmt.size)]


def same(x, y):
    """Equal to the bit (all NaNs are one: the canonical one)."""
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return x == y and math.copysign(1.0, x) == math.copysign(1.0, y)


def from_decimal(text, fmt=F64):
    """A decimal number's text rounded once to fmt: not by way of binary64."""
    x = round_to(Fraction(text), fmt)
    return -0.0 if x == 0 and text.startswith("-") else x


def significant_digits(text):
    """The digits of a decimal's text, without leading and trailing zeros; "" for zero."""
    mantissa = text.lower().lstrip("+-").split("e")[0]
    return mantissa.replace(".", "").strip("0")


def floor_log10(x):
    """The e with 10^e <= x < 10^(e+1), for a fraction x > 0."""
    if x >= 1:
        return len(str(int(x))) - 1
    e = -len(str(int(1 / x)))  # 10^e < x <= 10^(e+1)
    return e + 1 if x == Fraction(10)**(e + 1) else e


def reads_back(x, fmt, digits):
    """Is there a decimal of so many digits that rounds to x, a nonzero finite element of fmt?"""
    if digits < 1:
        return False
    magnitude = abs(Fraction(x))
    unit = Fraction(10)**(floor_log10(magnitude) - digits + 1)
    below = int(magnitude / unit)
    return any(round_to(n * unit, fmt) == abs(x) for n in (below, below + 1))


def is_shortest(text, fmt):
    """Does this decimal read back to its element of fmt, and no decimal of fewer digits?"""
    x = from_decimal(text, fmt)
    if x == 0 or math.isinf(x):
        return x == 0 and significant_digits(text) == ""
    return not reads_back(x, fmt, len(significant_digits(text)) - 1)


def shortest(x, fmt=F64):
    """The shortest decimal of a finite x that reads back, with a fraction or an exponent."""
    if fmt is F64 or x == 0:
        text = repr(x)
    else:
        text = next(t for t in (f"{x:.{n}e}" for n in range(17)) if from_decimal(t, fmt) == x)
    return text if any(c in text for c in ".e") else text + ".0"


# ---- Numbers of the form r + b sqrt(v) -----------------------------------------------------------


class Surd(NamedTuple):
    """The real number r + b*sqrt(v), all three rational and v >= 0. Every scalar is one."""
    r: Fraction = Fraction(0)
    b: Fraction = Fraction(0)
    v: Fraction = Fraction(0)


def sign(x):
    return (x > 0) - (x < 0)


def surd_sign(s):
    """The sign of r + b*sqrt(v), by comparing r^2 with b^2*v."""
    left, right = sign(s.r), sign(s.b) * sign(s.v)
    if left == right or right == 0:
        return left
    if left == 0:
        return right
    return left * sign(s.r * s.r - s.b * s.b * s.v)


def rational_root(v):
    """sqrt(v) if it is rational, else None. (Fractions are in lowest terms.)"""
    n, d = math.isqrt(v.numerator), math.isqrt(v.denominator)
    return Fraction(n, d) if n * n == v.numerator and d * d == v.denominator else None


def root_bounds(v, bits):
    """Fractions lo <= sqrt(v) <= hi, about so many bits apart: sqrt(n/d) = sqrt(n*d)/d."""
    root = math.isqrt((v.numerator * v.denominator) << (2 * bits))
    scale = v.denominator << bits
    return Fraction(root, scale), Fraction(root + 1, scale)


def round_surd(s):
    """r + b*sqrt(v) rounded once to binary64. A rational root is used as it is; an irrational number
    lies on no midpoint, so that bounds drawn together round alike in the end. The result is then
    checked against its neighbouring midpoints by comparing squares."""
    root = rational_root(s.v)
    if root is not None:
        return round_to(s.r + s.b * root)
    if s.b == 0:
        return round_to(s.r)
    bits = 128
    while True:
        lo, hi = (round_to(s.r + s.b * bound) for bound in root_bounds(s.v, bits))
        if same(lo, hi):
            assert is_nearest(lo, s)
            return lo
        bits *= 2


def is_nearest(y, s):
    """Is y (binary64) the nearest to the surd s? Proven by signs of squares, not by bounds."""
    if math.isinf(y):
        limit = F64.max + power_of_two(F64.emax - F64.precision)
        edge = Surd(s.r * sign(y) - limit, s.b * sign(y), s.v)
        return surd_sign(edge) >= 0
    below, above = math.nextafter(y, -math.inf), math.nextafter(y, math.inf)
    even = encode(y, F64) % 2 == 0
    for neighbour, side in ((below, 1), (above, -1)):
        midpoint = (Fraction(y) + outer(neighbour)) / 2
        where = surd_sign(Surd(s.r - midpoint, s.b, s.v)) * side
        if where < 0 or (where == 0 and not even):
            return False
    return True


def outer(x):
    """x as a fraction; the binary64 infinities as the number that would come next."""
    if math.isinf(x):
        return sign(x) * power_of_two(F64.emax + 1)
    return Fraction(x)


# ---- binary64 arithmetic, in software ------------------------------------------------------------


def negative(x):
    return math.copysign(1.0, x) < 0


def mul64(a, x):
    """a*x in binary64, to nearest even."""
    if math.isnan(a) or math.isnan(x) or (math.isinf(a) and x == 0) or (a == 0 and math.isinf(x)):
        return math.nan
    result_sign = -1.0 if negative(a) != negative(x) else 1.0
    if math.isinf(a) or math.isinf(x):
        return result_sign * math.inf
    return math.copysign(round_to(Fraction(a) * Fraction(x)), result_sign)


def sub64(p, t):
    """p - t in binary64, to nearest even."""
    if not (math.isfinite(p) and math.isfinite(t)):
        if math.isnan(p) or math.isnan(t) or p == t:
            return math.nan
        return p if math.isinf(p) else -t
    exact = Fraction(p) - Fraction(t)
    if exact == 0:  # only (-0) - (+0) is -0
        return -0.0 if p == 0 and negative(p) and not negative(t) else 0.0
    return round_to(exact)


def fma64(a, x, c):
    """a*x + c in binary64 with one rounding, to nearest even. An exact zero is +0, but for
    (-0) + (-0)."""
    if math.isnan(c) or not (math.isfinite(a) and math.isfinite(x)):
        product = mul64(a, x)
        if math.isnan(c) or math.isnan(product) or (math.isinf(c) and c == -product):
            return math.nan
        return product
    if math.isinf(c):
        return c
    product = Fraction(a) * Fraction(x)
    exact = product + Fraction(c)
    if exact == 0:
        minus = product == 0 and negative(a) != negative(x) and negative(c)
        return -0.0 if minus else 0.0
    return round_to(exact)


# ---- Problems ------------------------------------------------------------------------------------


@dataclass
class Tensor:
    """A tensor: its elements, row-major, as Python floats that are exactly elements of dtype."""
    dtype: str
    shape: list
    values: list

    @property
    def format(self):
        return FORMATS[self.dtype]


@dataclass
class Problem:
    """A request to POST /loss, apart from its encoding."""
    tensors: dict                                # name -> Tensor
    lambdas: dict                                # term name -> float; absent is 0
    gradients: str = "total"                     # "total", "per_term", "none"
    wrt: Optional[list] = None                   # None: the default
    nonfinite: str = "error"                     # "error", "propagate"
    gradient_dtype: Optional[str] = None         # None: each tensor's own
    label: str = field(default="", compare=False)

    def active(self):
        """The terms with lambda != 0, in the order of the catalogue."""
        return [t for t in TERMS if self.lambdas.get(t, 0.0) != 0]


@dataclass
class TermResult:
    weight: float      # lambda
    loss: float        # lambda included
    unweighted: float
    gradients: Optional[dict] = None  # name -> Tensor, under per_term only


@dataclass
class Result:
    loss: float
    terms: dict                # name -> TermResult, in the order of the catalogue
    gradients: Optional[dict]  # name -> Tensor in tensor order; None under "none"
    unused: list
    warnings: list


class Failure(Exception):
    """The problem has no answer; kinds are the problem types that may be reported."""

    def __init__(self, *kinds):
        super().__init__(", ".join(sorted(kinds)))
        self.kinds = set(kinds)


# ---- Values --------------------------------------------------------------------------------------

UNIT = 2**1074  # every binary64 is an integer over this


def units(x):
    """The integer x*2^1074."""
    numerator, denominator = x.as_integer_ratio()
    return numerator * (UNIT // denominator)


def mean_square(xs):
    """1/count sum x^2, a Surd; NaN or +Inf if x has such."""
    if any(math.isnan(x) for x in xs):
        return math.nan
    if any(math.isinf(x) for x in xs):
        return math.inf
    return Surd(Fraction(sum(units(x)**2 for x in xs), UNIT**2 * len(xs)))


def mean_square_difference(ps, ts):
    """1/count sum (pred - target)^2; Inf - Inf is NaN, otherwise an infinity gives +Inf."""
    if any(math.isnan(p) or math.isnan(t) or (math.isinf(p) and p == t) for p, t in zip(ps, ts)):
        return math.nan
    if any(math.isinf(p) or math.isinf(t) for p, t in zip(ps, ts)):
        return math.inf
    return Surd(Fraction(sum((units(p) - units(t))**2 for p, t in zip(ps, ts)), UNIT**2 * len(ps)))


class Rates:
    """m_n, mu and sigma^2 of a tensor of firing rates [.., N_hid]."""

    def __init__(self, fr):
        self.neurons = fr.shape[-1]
        self.rows = len(fr.values) // self.neurons  # B*T
        self.finite = all(map(math.isfinite, fr.values))
        if not self.finite:
            return
        sums = [sum(units(x) for x in fr.values[n::self.neurons]) for n in range(self.neurons)]
        self.m = [Fraction(s, UNIT * self.rows) for s in sums]
        alike = collections.Counter(self.m).items()  # many neurons may have the same mean
        self.mu = sum(m * k for m, k in alike) / self.neurons
        self.variance = sum((m - self.mu)**2 * k for m, k in alike) / self.neurons

    def value(self, term):
        """sigma, or sigma/mu, as a Surd."""
        if not self.finite:
            return math.nan
        if term == "fr_sd":
            return Surd(b=Fraction(1), v=self.variance)
        if self.mu == 0:
            raise Failure("undefined")
        return Surd(b=1 / self.mu, v=self.variance)

    def offsets(self, lambda_sd, lambda_cv):
        """c[n], each rounded once from the real number

            lambda_sd (m_n - mu)/(sigma N B T) + lambda_cv/(N B T) [(m_n - mu)/(sigma mu) - sigma/mu^2]

        where 1/sigma is written as sqrt(v)/v. +0 for all n if sigma = 0; NaN if a rate is non-finite."""
        if not self.finite:
            return [math.nan] * self.neurons
        if self.variance == 0:
            return [0.0] * self.neurons
        count, v, mu = self.neurons * self.rows, self.variance, self.mu
        rounded = {}
        for m in set(self.m):
            b = lambda_sd * (m - mu) / (v * count)
            if lambda_cv:
                b += lambda_cv / count * ((m - mu) / (v * mu) - 1 / mu**2)
            rounded[m] = round_surd(Surd(b=b, v=v))
        return [rounded[m] for m in self.m]


def round_value(exact):
    """An exact value rounded once; beyond the largest binary64 is a failure."""
    if isinstance(exact, float):
        return exact  # NaN or an infinity that came with the input
    rounded = round_surd(exact)
    if math.isinf(rounded):
        raise Failure("overflow")
    return rounded


def weigh(exact, weight):
    """lambda times an exact value."""
    if isinstance(exact, float):
        return exact
    return Surd(exact.r * weight, exact.b * weight, exact.v)


def add(exacts):
    """The exact sum of the weighted terms. All irrational parts are multiples of one sigma."""
    broken = [x for x in exacts if isinstance(x, float)]
    if broken:
        return math.nan if any(map(math.isnan, broken)) else math.inf
    v = next((x.v for x in exacts if x.b != 0), Fraction(0))
    return Surd(sum((x.r for x in exacts), Fraction(0)), sum((x.b for x in exacts), Fraction(0)), v)


class Evaluation:
    """One problem worked out."""

    def __init__(self, problem):
        self.problem = problem
        self.active = problem.active()
        needed = {x for t in self.active for x in USES[t]}
        self.needed = [x for x in TENSORS if x in needed]
        self.weights = {t: Fraction(problem.lambdas[t]) for t in self.active}
        self.tiny = False  # a gradient's coefficient lies below its dtype's normal range
        self.rates = Rates(problem.tensors["fr"]) if set(RATE_TERMS) & set(self.active) else None

    def unweighted(self, term):
        tensors = self.problem.tensors
        if term in RATE_TERMS:
            return self.rates.value(term)
        if term == "mse":
            return mean_square_difference(tensors["pred"].values, tensors["target"].values)
        return mean_square(tensors[USES[term][0]].values)

    def scale(self, name, terms):
        """a = RN(2 lambda/count) of the mean-square term among these that uses the tensor, or None."""
        for term in terms:
            if term not in RATE_TERMS and name in USES[term]:
                a = round_to(2 * self.weights[term] / len(self.problem.tensors[name].values))
                if math.isinf(a):
                    raise Failure("overflow")
                return a
        return None

    def offsets(self, name, terms):
        """c[n] of the rate terms among these, or None."""
        if name != "fr" or not set(RATE_TERMS) & set(terms):
            return None
        c = self.rates.offsets(*(self.weights[t] if t in terms else Fraction(0) for t in RATE_TERMS))
        if any(math.isinf(x) for x in c):
            raise Failure("overflow")
        return c

    def watch(self, a, c, fmt):
        """Notes a coefficient that is not zero but below the smallest normal number of fmt."""
        if a is not None and a < fmt.min_normal:
            self.tiny = True  # lambda != 0, so that a is not zero before rounding
        if c is not None and self.rates.finite and self.rates.variance != 0:
            if max(map(abs, c)) < fmt.min_normal:
                self.tiny = True

    def gradient(self, name, terms):
        """The gradient of the sum of these terms with respect to a tensor."""
        tensor = self.problem.tensors[name]
        dtype = self.problem.gradient_dtype or tensor.dtype
        fmt = FORMATS[dtype]
        a, c = self.scale(name, terms), self.offsets(name, terms)
        self.watch(a, c, fmt)
        elements = self.elements(name, tensor, a, c)
        return Tensor(dtype, list(tensor.shape), [narrow(x, fmt) for x in elements])

    def elements(self, name, tensor, a, c):
        """The binary64 elements, before the last rounding."""
        if a is not None and name in ("pred", "target"):
            pairs = zip(self.problem.tensors["pred"].values, self.problem.tensors["target"].values)
            product = [mul64(a, sub64(p, t)) for p, t in pairs]
            return product if name == "pred" else [-x for x in product]
        if a is not None and c is not None:
            return [fma64(a, x, c[i % len(c)]) for i, x in enumerate(tensor.values)]
        if a is not None:
            return [mul64(a, x) for x in tensor.values]
        if c is not None:
            return [c[i % len(c)] for i in range(len(tensor.values))]
        return [0.0] * len(tensor.values)

    def wrt(self):
        """The tensors to differentiate, in tensor order."""
        chosen = self.problem.wrt
        if chosen is None:
            chosen = [x for x in self.needed if x != "target"]
        return [x for x in TENSORS if x in chosen]

    def run(self):
        problem = self.problem
        weighted, terms, kinds = {}, {}, set()
        for t in self.active:
            try:
                exact = self.unweighted(t)
                weighted[t] = weigh(exact, self.weights[t])
                terms[t] = TermResult(problem.lambdas[t], round_value(weighted[t]), round_value(exact))
            except Failure as failure:  # of several defects any may be reported
                kinds |= failure.kinds
        if kinds:
            raise Failure(*kinds)
        loss = round_value(add(list(weighted.values())))
        gradients = None
        if problem.gradients != "none":
            gradients = {x: self.gradient(x, self.active) for x in self.wrt()}
        if problem.gradients == "per_term":
            for t in self.active:
                terms[t].gradients = {x: self.gradient(x, [t]) for x in self.wrt() if x in USES[t]}
        unused = [x for x in TENSORS if x in problem.tensors and x not in self.needed]
        return Result(loss, terms, gradients, unused, self.warnings())

    def warnings(self):
        found = []
        if "fr_cv" in self.active and self.rates.finite and self.rates.mu < 0:
            found.append("negative-mean-rate")
        if self.tiny:
            found.append("underflow")
        return found


def evaluate(problem):
    """The Result of a valid problem; raises Failure where the answer must be an error."""
    broken = not all(math.isfinite(x) for t in problem.tensors.values() for x in t.values)
    if not broken or problem.nonfinite == "propagate":
        return Evaluation(problem).run()
    try:
        Evaluation(problem).run()
    except Failure as failure:  # of several defects any may be reported
        raise Failure("non-finite", *failure.kinds) from None
    raise Failure("non-finite")


# ---- Command line --------------------------------------------------------------------------------


class Number(str):
    """A JSON number, as its text."""


SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def read_number(item, fmt):
    if isinstance(item, Number):
        return from_decimal(item, fmt)
    return SPECIAL[item]


def flatten(data):
    """The numbers of nested arrays, row-major."""
    if not isinstance(data, list):
        return [data]
    return [x for item in data for x in flatten(item)]


def nested_shape(data):
    shape = []
    while isinstance(data, list):
        shape.append(len(data))
        data = data[0]
    return shape


def read_tensor(item):
    """A tensor of the JSON encoding, in any of its forms."""
    if isinstance(item, list):
        return Tensor("F64", nested_shape(item), [read_number(x, F64) for x in flatten(item)])
    fmt, shape = FORMATS[item["dtype"]], [int(n) for n in item["shape"]]
    if "data_base64" in item:
        return Tensor(fmt.name, shape, from_bytes(base64.b64decode(item["data_base64"]), fmt))
    return Tensor(fmt.name, shape, [read_number(x, fmt) for x in flatten(item["data"])])


def read_request(text):
    """A (valid) JSON request as a Problem."""
    request = json.loads(text, parse_float=Number, parse_int=Number)
    return Problem(
        tensors={name: read_tensor(item) for name, item in request.get("tensors", {}).items()},
        lambdas={key.removeprefix("lambda_"): from_decimal(x) for key, x in request.get("lambdas", {}).items()},
        gradients=request.get("gradients", "total"), wrt=request.get("wrt"),
        nonfinite=request.get("nonfinite", "error"), gradient_dtype=request.get("gradient_dtype"))


def write_request(problem):
    """A Problem as a JSON request that keeps every bit."""
    request = {
        "lambdas": {f"lambda_{t}": x for t, x in problem.lambdas.items()},
        "gradients": problem.gradients, "nonfinite": problem.nonfinite,
        "tensors": {name: {"dtype": t.dtype, "shape": t.shape,
                           "data_base64": base64.b64encode(to_bytes(t.values, t.format)).decode()}
                    for name, t in problem.tensors.items()}}
    if problem.wrt is not None:
        request["wrt"] = problem.wrt
    if problem.gradient_dtype is not None:
        request["gradient_dtype"] = problem.gradient_dtype
    return json.dumps(request)


def write_tensors(tensors):
    def item(t):
        numbers = [shortest(x, t.format) if math.isfinite(x) else str(x) for x in t.values]
        return {"dtype": t.dtype, "shape": t.shape, "data": numbers,
                "bits": [f"{encode(x, t.format):0{2 * t.format.size}x}" for x in t.values]}
    return {name: item(t) for name, t in tensors.items()}


def write_result(result):
    """A Result for people to read (numbers of tensors as text, with their bits)."""
    answer = {"loss": result.loss, "terms": {}, "unused": result.unused, "warnings": result.warnings}
    for name, term in result.terms.items():
        answer["terms"][name] = {"lambda": term.weight, "loss": term.loss, "unweighted": term.unweighted}
        if term.gradients is not None:
            answer["terms"][name]["gradients"] = write_tensors(term.gradients)
    if result.gradients is not None:
        answer["gradients"] = write_tensors(result.gradients)
    return json.dumps(answer, indent=1)


def main(arguments):
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    with open(arguments[0] if arguments else 0, encoding="utf-8") as file:
        problem = read_request(file.read())
    try:
        print(write_result(evaluate(problem)))
    except Failure as failure:
        print(f"422 {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
