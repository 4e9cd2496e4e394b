"""Random problems for the oracle test: deterministic from a seed, and nasty on purpose.

generate(seed, index) gives a Problem (see oracle.py). Each recipe below makes one kind: plain random
tensors of every magnitude, and numbers constructed so that a value or a gradient element falls on,
or just beside, the midpoint of two representable numbers, cancels, underflows or overflows.
"""
import math
import random
from fractions import Fraction

from oracle import F16, F32, F64, BF16, FORMATS, TERMS, TENSORS, USES, Problem, Tensor, decode, power_of_two, round_to

DTYPES = tuple(FORMATS)
DBL_MAX = float(F64.max)

# ---- Elements ------------------------------------------------------------------------------------


def random_bits(rng, fmt):
    """Any finite element: exponents over the whole range."""
    while True:
        x = decode(rng.getrandbits(8 * fmt.size), fmt)
        if math.isfinite(x):
            return x


def gauss(rng, fmt):
    return round_to(Fraction(rng.gauss(0, 1)), fmt)


def subnormal(rng, fmt):
    n = rng.randrange(-2**(fmt.precision - 1) + 1, 2**(fmt.precision - 1))
    return float(n * fmt.min_subnormal)


def at_exponent(rng, fmt, e):
    """An element of random sign and significand in the binade [2^e, 2^(e+1))."""
    n = rng.randrange(2**(fmt.precision - 1), 2**fmt.precision)
    return rng.choice((-1.0, 1.0)) * math.ldexp(n, e - fmt.precision + 1)


def modest(rng, fmt):
    """Exponents as wide as the squares allow: no square beyond binary64."""
    low, high = max(fmt.emin, -600), min(fmt.emax, 480)
    return at_exponent(rng, fmt, rng.randint(low, high))


def tiny(rng, fmt):
    return at_exponent(rng, fmt, fmt.emin + rng.randint(0, 12))


def huge(rng, fmt):
    return at_exponent(rng, fmt, min(fmt.emax, 508) - rng.randint(0, 6))


def border(rng, fmt):
    """Elements at the edges of the format."""
    edges = (fmt.max, fmt.min_normal, fmt.min_subnormal, fmt.min_normal - fmt.min_subnormal, Fraction(1),
             1 + power_of_two(1 - fmt.precision), 1 - power_of_two(-fmt.precision), Fraction(0))
    x = float(rng.choice(edges))
    return math.copysign(min(x, 2.0**508), rng.choice((-1.0, 1.0)))


ELEMENTS = {"gauss": gauss, "unit": lambda rng, fmt: round_to(Fraction(rng.random()), fmt),
            "integer": lambda rng, fmt: float(rng.randint(-9, 9)), "subnormal": subnormal, "tiny": tiny,
            "huge": huge, "modest": modest, "bits": random_bits, "border": border,
            "zero": lambda rng, fmt: rng.choice((0.0, -0.0)),
            "negative": lambda rng, fmt: -abs(gauss(rng, fmt)),
            "sparse": lambda rng, fmt: gauss(rng, fmt) if rng.random() < 0.2 else rng.choice((0.0, -0.0))}
KINDS = ("gauss",) * 5 + ("unit",) * 3 + tuple(ELEMENTS) + ("equal", "cancel", "blend")


def elements(rng, fmt, count, kind=None):
    """So many elements of one kind (random if None)."""
    kind = kind or rng.choice(KINDS)
    if kind == "bits" and fmt is F64 and rng.random() < 0.8:
        kind = "modest"  # most tensors of random binary64 overflow
    if kind == "equal":
        return [ELEMENTS[rng.choice(("gauss", "unit", "modest", "subnormal"))](rng, fmt)] * count
    if kind == "cancel":
        return cancelling(rng, fmt, count)
    if kind == "blend":
        kinds = rng.sample(("gauss", "tiny", "subnormal", "modest", "zero", "integer"), 3)
        return [ELEMENTS[rng.choice(kinds)](rng, fmt) for _ in range(count)]
    return [ELEMENTS[kind](rng, fmt) for _ in range(count)]


def cancelling(rng, fmt, count):
    """Elements and their negatives, and one small one that decides."""
    xs = [modest(rng, fmt) for _ in range(count // 2)]
    xs += [-x for x in xs] + [subnormal(rng, fmt)] * (count - 2 * (count // 2))
    rng.shuffle(xs)
    return xs


def squares(total, precision):
    """Integers of so many significant bits whose squares add up to an integer (greedily)."""
    parts = []
    while total:
        x = truncate(math.isqrt(total), precision)
        parts.append(x)
        total -= x * x
    return parts


def summands(total, precision):
    """Integers of so many significant bits that add up to an integer."""
    parts = []
    while total:
        x = truncate(abs(total), precision) * (1 if total > 0 else -1)
        parts.append(x)
        total -= x
    return parts


def truncate(n, precision):
    drop = max(0, n.bit_length() - precision)
    return n >> drop << drop


# ---- Shapes and options --------------------------------------------------------------------------


def leading(rng, rows):
    """Up to 7 leading axes of so many rows together."""
    axes = []
    while rows > 1 and len(axes) < 6 and rng.random() < 0.6:
        factor = rng.choice([d for d in range(1, rows + 1) if rows % d == 0])
        axes.append(factor)
        rows //= factor
    if rows > 1 or rng.random() < 0.7:
        axes.append(rows)
    while len(axes) < 7 and rng.random() < 0.15:
        axes.insert(rng.randint(0, len(axes)), 1)
    return axes


def matrix(rng, fmt, long, short, xs, square_only=False):
    """A weight matrix, given either way round."""
    shape = [long, short]
    if not square_only and rng.random() < 0.5:
        shape.reverse()
    return Tensor(fmt.name, shape, xs)


def pick(rng, *formats):
    return rng.choice(formats or tuple(FORMATS.values()))


def scaled(rng, n, q):
    """The element n*2^q with a random sign."""
    return math.copysign(math.ldexp(n, q), rng.choice((-1, 1)))


def random_lambda(rng):
    return rng.choice((
        1.0, 1.0, 1.0, 0.1, 0.1, 0.5, 2.0, 3.0, 0.0, -0.0, 1e-3, 1e-8, 1e10, rng.random(), rng.random(),
        rng.expovariate(1), math.ldexp(1, rng.randint(-60, 60)), math.ldexp(rng.random(), rng.randint(-300, 300)),
        5e-324, 2.2250738585072014e-308, math.ldexp(rng.random(), -1030)))


def set_options(rng, problem):
    """Random gradients, wrt, gradient_dtype, where the recipe left the defaults."""
    if rng.random() < 0.7:
        problem.gradients = rng.choice(("total", "total", "per_term", "per_term", "per_term", "none"))
    if rng.random() < 0.4:
        sent = [x for x in TENSORS if x in problem.tensors]
        problem.wrt = rng.sample(sent, rng.randint(0, len(sent)))
    if rng.random() < 0.3:
        problem.gradient_dtype = rng.choice(("F32", "F64"))
    return problem


class Sizes:
    """The axes of one network."""

    def __init__(self, rng, largest=7):
        self.rng = rng
        self.n_in, self.n_hid, self.n_out = (rng.randint(1, largest) for _ in range(3))
        self.rows, self.rate_rows = rng.randint(1, 12), rng.randint(1, 12)

    def tensor(self, name, fmt=None, kind=None):
        """A random tensor of the right shape."""
        rng, fmt = self.rng, fmt or pick(self.rng)
        if name in ("pred", "target", "fr"):
            rows, last = (self.rate_rows, self.n_hid) if name == "fr" else (self.rows, self.n_out)
            return Tensor(fmt.name, leading(rng, rows) + [last], elements(rng, fmt, rows * last, kind))
        other = {"w_in": self.n_in, "w_hid": self.n_hid, "w_out": self.n_out}[name]
        xs = elements(rng, fmt, self.n_hid * other, kind)
        return matrix(rng, fmt, self.n_hid, other, xs, name == "w_hid")

    def network(self, names, fmt=None, kind=None):
        """Random tensors; pred and target of one shape."""
        tensors = {name: self.tensor(name, fmt, kind) for name in names}
        if "pred" in tensors and "target" in tensors:
            tensors["target"].shape = list(tensors["pred"].shape)
        return tensors


def needed(terms):
    return [x for x in TENSORS if any(x in USES[t] for t in terms)]


# ---- Recipes: plain ------------------------------------------------------------------------------


def plain(rng):
    """Any terms, any dtypes, any magnitudes, tensors that no term uses."""
    terms = [t for t in TERMS if rng.random() < 0.5]
    lambdas = {t: random_lambda(rng) for t in terms}
    names = set(needed([t for t in terms if lambdas[t]])) | {x for x in TENSORS if rng.random() < 0.15}
    if ("pred" in names) != ("target" in names) and rng.random() < 0.5:
        names |= {"pred", "target"}
    fmt = pick(rng) if rng.random() < 0.3 else None
    tensors = Sizes(rng, rng.choice((2, 4, 7))).network([x for x in TENSORS if x in names], fmt)
    return Problem(tensors, lambdas)


def sane(rng):
    """What a worker sends: all terms, usual numbers."""
    fmt = pick(rng)
    lambdas = {t: rng.choice((1.0, 0.1, 1e-3, rng.random())) for t in TERMS}
    return Problem(Sizes(rng).network(TENSORS, fmt, rng.choice(("gauss", "unit"))), lambdas)


def close(rng):
    """Predictions equal to the targets or an ulp beside; mixed dtypes."""
    sizes, fmt = Sizes(rng), pick(rng)
    tensors = sizes.network(("pred", "target"), fmt)
    pred = tensors["pred"]
    targets = [x if rng.random() < 0.5 else neighbour(rng, x, fmt) for x in pred.values]
    tensors["target"] = Tensor(fmt.name, list(pred.shape), targets)
    return Problem(tensors, {"mse": random_lambda(rng) or 1.0}, wrt=["target", "pred"])


def neighbour(rng, x, fmt):
    """The next element up or down, staying finite."""
    quantum = Fraction(max(abs(x), float(fmt.min_normal)))
    y = round_to(Fraction(x) + rng.choice((-1, 1)) * quantum * power_of_two(1 - fmt.precision), fmt)
    return y if math.isfinite(y) else x


def one_neuron(rng):
    """N_hid = 1, or equal rates: sigma = 0."""
    sizes = Sizes(rng)
    if rng.random() < 0.5:
        sizes.n_hid = 1
        fr = sizes.tensor("fr")
    else:
        fr = sizes.tensor("fr", kind="equal")
    if sum(map(Fraction, fr.values)) == 0:
        fr.values = [1.0] * len(fr.values)
    terms = rng.choice((["fr_sd"], ["fr_cv"], ["fr_sd", "fr_cv"], ["fr", "fr_sd", "fr_cv"]))
    return Problem({"fr": fr}, {t: rng.choice((1.0, 0.1)) for t in terms})


def one_element(rng):
    """Every tensor a single number."""
    sizes = Sizes(rng, 1)
    sizes.rows = sizes.rate_rows = 1
    terms = rng.sample(TERMS, rng.randint(1, 7))
    return Problem(sizes.network(needed(terms)), {t: random_lambda(rng) for t in terms})


def rates(rng):
    """Only the three firing-rate terms, many neurons, rates of every kind."""
    sizes = Sizes(rng)
    sizes.n_hid, sizes.rate_rows = rng.randint(1, 40), rng.randint(1, 6)
    terms = rng.choice((("fr_sd",), ("fr_cv",), ("fr_sd", "fr_cv"), ("fr", "fr_sd"), ("fr", "fr_sd", "fr_cv")))
    return Problem({"fr": sizes.tensor("fr")}, {t: rng.choice((1.0, 0.1, rng.random(), 1e-5)) for t in terms})


def negative_mean(rng):
    """mu < 0: fr_cv is negative, and a warning follows."""
    sizes = Sizes(rng)
    tensors = {"fr": sizes.tensor("fr", kind="negative")}
    lambdas = {t: rng.random() for t in ("fr", "fr_sd", "fr_cv")[rng.randint(0, 2):]}
    return Problem(tensors, lambdas)


def large(rng):
    """Longer than a chunk of the daemon."""
    fmt, sizes = pick(rng), Sizes(rng)
    sizes.n_hid, sizes.rate_rows = rng.randint(150, 300), rng.randint(60, 100)
    if rng.random() < 0.5:
        terms = ("fr", "fr_sd", "fr_cv")
    else:
        terms, sizes.n_out, sizes.rows = ("mse",), sizes.n_hid, sizes.rate_rows
    lambdas = {t: rng.choice((1.0, 0.1)) for t in terms}
    kind = rng.choice(("gauss", "unit", "bits" if fmt is not F64 else "gauss"))
    return Problem(sizes.network(needed(terms), fmt, kind), lambdas, gradients=rng.choice(("total", "none")))


def signed_zeros(rng):
    """Zeros of both signs in the tensors, and gradients whose sign matters."""
    sizes = Sizes(rng)
    tensors = sizes.network(TENSORS, kind=rng.choice(("zero", "sparse")))
    lambdas = {t: rng.choice((1.0, 5e-324)) for t in rng.sample(TERMS[:6], rng.randint(1, 6))}
    return Problem(tensors, lambdas, wrt=rng.sample(TENSORS, 6), gradients="per_term")


# ---- Recipes: values at ties ---------------------------------------------------------------------


def square_problem(rng, term, total, count, q, fmt, weight):
    """A problem with one mean-square term whose sum of squares is total*2^(2q), by count elements.
    None if so many elements don't suffice or one lies outside the format."""
    parts = squares(total, fmt.precision)
    if len(parts) > count or q < fmt.emin - fmt.precision + 1:
        return None
    if parts and math.ldexp(parts[0], q) > fmt.max:
        return None
    xs = [scaled(rng, n, q) for n in parts] + [rng.choice((0.0, -0.0)) for _ in range(count - len(parts))]
    rng.shuffle(xs)
    return Problem(square_tensors(rng, term, xs, fmt), {term: weight})


def divisor_pair(rng, count):
    a = rng.choice([d for d in range(1, count + 1) if count % d == 0])
    return [a, count // a]


def square_tensors(rng, term, xs, fmt):
    """Tensors for a mean-square term: these elements, or these differences."""
    count = len(xs)
    if term == "mse":
        shape = leading(rng, count) + [1] if rng.random() < 0.5 else divisor_pair(rng, count)
        targets = [rng.choice((0.0, -x, x)) for x in xs]
        preds = [0.0 if t == -x else (2 * x if t else x) for x, t in zip(xs, targets)]
        if max(map(abs, preds)) > fmt.max:
            preds, targets = xs, [0.0] * count
        return {"pred": Tensor(fmt.name, shape, preds), "target": Tensor(fmt.name, list(shape), targets)}
    name = USES[term][0]
    if term == "hid":
        side = math.isqrt(count)
        return {name: Tensor(fmt.name, [side, side], xs)}
    shape = leading(rng, count) + [1] if term == "fr" else divisor_pair(rng, count)
    return {name: Tensor(fmt.name, shape, xs)}


def midpoint(rng):
    """An odd number of 54 bits: halfway between two binary64."""
    return rng.randrange(2**53, 2**54) | 1


def square_tie(rng, weighted=False):
    """unweighted (or, with an odd lambda, loss) exactly on a midpoint, or 2^-100 or so beside it."""
    while True:
        term, fmt = rng.choice(TERMS[:5]), pick(rng, F64, F64, F32, BF16, F16)
        count = rng.choice((4, 9, 16, 25, 36, 49, 64, rng.randint(4, 60)))
        if term == "hid":
            count = math.isqrt(count)**2
        odd = rng.choice((3, 5, 7, 11, 1021, 32769)) if weighted else 1
        number = midpoint(rng) // odd | 1
        if (number * odd).bit_length() != 54:
            continue
        extra = rng.choice((0, 2, 10, 40, 50)) if fmt is not F16 else rng.choice((0, 1, 2))
        total = (number * count << 2 * extra) + (rng.choice((-1, 0, 1)) if extra else 0)
        q = rng.randint(-40, 10) if fmt is not F16 else rng.randint(-24, -20)
        problem = square_problem(rng, term, total, count, q, fmt, math.ldexp(odd, rng.randint(-9, 9)) if weighted else 1.0)
        if problem:
            return problem


def loss_tie(rng):
    return square_tie(rng, weighted=True)


def total_tie(rng):
    """Two terms that add up to a midpoint, and a third that may decide it."""
    big, half = rng.randrange(2**52, 2**53), math.ldexp(1, -1)
    lambdas = {"in": float(big), "out": half}
    ones = {"w_in": Tensor("F64", [2, 2], [1.0, -1.0, 1.0, 1.0]), "w_out": Tensor("F32", [2, 1], [1.0, 1.0])}
    if rng.random() < 0.6:
        lambdas["hid"] = math.ldexp(1, -rng.randint(60, 1074))
        ones["w_hid"] = Tensor("BF16", [2, 2], [1.0, 1.0, -1.0, 1.0])
    if rng.random() < 0.3:  # sigma/mu = -2^-k: just below
        lambdas["fr_cv"] = math.ldexp(1, -rng.randint(60, 1000))
        ones["fr"] = Tensor("F32", [1, 2], [-1.5, -0.5])
    scale = math.ldexp(1, rng.choice((0, 0, -30, 200)))
    return Problem(ones, {t: x * scale for t, x in lambdas.items()})


def column_tensor(rng, fmt, columns, q):
    """Rates [rows, N_hid] whose columns add up to the given integers times 2^q."""
    parts = [summands(total, fmt.precision) for total in columns]
    rows = max(map(len, parts)) or 1
    rows = 1 << (rows - 1).bit_length() if rng.random() < 0.5 else rows + rng.randint(0, 2)
    for column in parts:
        column += [0] * (rows - len(column))
        rng.shuffle(column)
    xs = [math.ldexp(parts[n][row], q) for row in range(rows) for n in range(len(columns))]
    return Tensor(fmt.name, leading(rng, rows) + [len(columns)], xs), rows


def rate_columns(rng, make):
    """A rate tensor from columns(rows), where the number of rows depends on the columns itself."""
    fmt = pick(rng, F64, F64, F32, BF16)
    rows = 4
    for _ in range(20):
        tensor, got = column_tensor(rng, fmt, make(rows), rng.choice((-90, -80, -60)))
        if got == rows:
            return tensor
        rows = got
    return column_tensor(rng, F64, make(rows), -60)[0]


def sd_tie(rng):
    """Two neurons: sigma = |m_1 - m_2|/2 is rational, on a midpoint or just beside it."""
    mid, common, off = midpoint(rng), rng.choice((0, 0, 12345)), rng.choice((-1, 0, 0, 1))

    def columns(rows):
        return [rows * (common + (2 * mid << 20)) + off, rows * common]
    return Problem({"fr": rate_columns(rng, columns)}, {"fr_sd": 1.0})


def sd_beside(rng):
    """Four neurons: sigma is irrational, and lies beside a midpoint by a hair."""
    mid, off = midpoint(rng) << 30, rng.choice((-1, 1))

    def columns(rows):
        return [rows * mid + off, -rows * mid, rows * mid, -rows * mid]
    return Problem({"fr": rate_columns(rng, columns)}, {"fr_sd": rng.choice((1.0, 0.5, 4.0))})


def cv_tie(rng):
    """mu a power of two: sigma/mu is rational (two neurons), on a midpoint or just beside it."""
    mid, mu, off = midpoint(rng) << 20, rng.choice((1, -1)) << rng.randint(70, 85), rng.choice((-1, 0, 0, 1))

    def columns(rows):
        return [rows * (mu + mid) + off, rows * (mu - mid) - off]
    return Problem({"fr": rate_columns(rng, columns)}, {"fr_cv": rng.choice((1.0, 2.0, 0.25))})


def cv_beside(rng):
    """Four neurons: sigma/mu is irrational, and lies beside a midpoint by a hair."""
    mid, mu, off = midpoint(rng) << 30, rng.choice((1, -1)) << rng.randint(80, 95), rng.choice((-1, 1))

    def columns(rows):
        return [rows * (mu + mid) + off, rows * (mu - mid), rows * (mu + mid) - off, rows * (mu - mid)]
    return Problem({"fr": rate_columns(rng, columns)}, {"fr_cv": rng.choice((1.0, 2.0, 0.25))})


def total_cancels(rng):
    """A negative fr_cv against positive terms: the total is what their roundings would hide."""
    while True:
        fr = Sizes(rng).tensor("fr", pick(rng, F32, F64), rng.choice(("negative", "negative", "gauss")))
        n_hid = fr.shape[-1]
        mu = sum(map(Fraction, fr.values))
        if mu < 0 and n_hid > 1 and len(set(fr.values)) > 1:
            break
    weight = rng.choice((1.0, 0.1, 3.0))
    cv = approximate_cv(fr) * weight
    up = rng.choice((1.0, 1.0, 1.0, 1 + 2.0**-52, 1 - 2.0**-53))
    ones = Tensor("F16", [n_hid, 2], [rng.choice((1.0, -1.0)) for _ in range(2 * n_hid)])
    return Problem({"fr": fr, "w_in": ones}, {"in": max(-cv * up, 1e-300), "fr_cv": weight})


def approximate_cv(fr):
    n_hid, rows = fr.shape[-1], len(fr.values) // fr.shape[-1]
    m = [sum(map(Fraction, fr.values[n::n_hid])) / rows for n in range(n_hid)]
    mu = sum(m) / n_hid
    variance = sum((x - mu)**2 for x in m) / n_hid
    shift = 2**200
    return float(Fraction(math.isqrt(int(variance * shift**2)), shift) / mu)


def exact_zero(rng):
    """mu = -lambda_cv/lambda_sd: the two rate terms cancel exactly, also in c[n] but for beta."""
    mu = -math.ldexp(rng.choice((1, 3, 5)), rng.randint(-3, 3))
    deviations = [rng.choice((0.25, 0.5, 1.0, 3.0)) for _ in range(rng.randint(1, 4))]
    xs = [mu + d for d in deviations] + [mu - d for d in deviations]
    rng.shuffle(xs)
    return Problem({"fr": Tensor(rng.choice(("F32", "F64")), [1, len(xs)], xs)}, {"fr_sd": 1.0, "fr_cv": -mu})


# ---- Recipes: gradients at ties, underflow, overflow ---------------------------------------------


def gradient_tie(rng):
    """Elements a*x halfway between two elements of the dtype, or 2^-40 beside."""
    fmt, count = pick(rng, F16, BF16, F32), rng.choice((1, 2, 4, 6, 12))
    one = rng.choice((1 + power_of_two(-fmt.precision), Fraction(3, 2), Fraction(5, 4), Fraction(1, 2), Fraction(3, 4),
                      1 + 3 * power_of_two(-fmt.precision)))
    a = one + rng.choice((-1, 0, 0, 1)) * power_of_two(-45)
    weight = float(a * count / 2)
    kind = rng.choice(("gauss", "subnormal", "tiny", "integer", "unit", "border"))
    term, xs = rng.choice(("in", "out", "fr", "mse")), elements(rng, fmt, count, kind)
    tensors = square_tensors(rng, term, xs, fmt)
    return Problem(tensors, {term: weight}, wrt=list(tensors))


def offset_tie(rng):
    """Two neurons: c = -+lambda/(2 B T), made to be a tie of the dtype; with lambda_fr the fma."""
    fmt, rows = pick(rng, F16, BF16, F32), rng.choice((1, 2, 3, 4))
    c = 1 + rng.choice((1, 3)) * power_of_two(-fmt.precision) + rng.choice((-1, 0, 0, 1)) * power_of_two(-45)
    lambdas = {"fr_sd": float(2 * rows * c)}
    if rng.random() < 0.6:
        lambdas["fr"] = rows * rng.choice((1.0, 2.0, math.ldexp(1, -20), 1 + 2.0**-40))
    xs = elements(rng, fmt, 2 * rows, rng.choice(("integer", "unit", "gauss")))
    return Problem({"fr": Tensor(fmt.name, leading(rng, rows) + [2], xs)}, lambdas)


def cancelling_fma(rng):
    """a*fr + c near zero: a product rounded before the sum would show."""
    rows, fmt = rng.randint(1, 3), pick(rng, F64, F64, F32)
    x = rng.choice((0.5, 1.0, rng.random() + 0.1))
    x = round_to(Fraction(x), fmt)
    xs = [v for _ in range(rows) for v in (x, -x)]
    lambda_sd = rng.random() + 0.5
    lambda_fr = lambda_sd / (2 * x)  # a*x = lambda_fr x/rows; c = lambda_sd/(2 rows)
    xs = [neighbour(rng, v, fmt) if rng.random() < 0.3 else v for v in xs]
    lambdas = {"fr": round_to(Fraction(lambda_fr)), "fr_sd": lambda_sd}
    if rng.random() < 0.2 and sum(xs):
        lambdas["fr_cv"] = rng.random()
    return Problem({"fr": Tensor(fmt.name, [rows, 2], xs)}, lambdas, gradients="per_term")


def small_results(rng):
    """Values and coefficients in the subnormal range, ties there included."""
    weight = rng.choice((5e-324, 1.5e-323, 2.5e-323, math.ldexp(rng.randint(1, 99), -1074), 1e-310, 3e-308))
    terms = rng.sample(TERMS, rng.randint(1, 4))
    sizes = Sizes(rng, rng.choice((2, 4)))
    tensors = sizes.network(needed(terms), kind=rng.choice(("integer", "unit", "gauss", "tiny")))
    if "fr" in tensors and sum(map(Fraction, tensors["fr"].values)) == 0:
        tensors["fr"].values[0] = 1.0 + abs(tensors["fr"].values[0])
        tensors["fr"].values = [round_to(Fraction(x), tensors["fr"].format) for x in tensors["fr"].values]
    return Problem(tensors, {t: weight * rng.choice((1, 1, 3)) for t in terms})


def overflow_border(rng):
    """The largest binary64 and its tie with 2^1024: the one fits, the other is an error."""
    while True:
        term = rng.choice(("mse", "in", "out", "fr"))
        count = rng.choice((1, 2, 4, 8, 16, 32, 12, 20))
        off = rng.choice((-1, -1, 0, 1, -2**60))
        total = ((2**54 - 1) << 100) * count + off
        weight = rng.choice((1.0, 1.0, 2.0, 0.5))
        q = 485 - 50
        parts = squares(total, F64.precision)
        if len(parts) <= count:
            xs = [scaled(rng, n, q) for n in parts] + [0.0] * (count - len(parts))
            tensors = square_tensors(rng, term, xs, F64)
            return Problem(tensors, {term: weight}, gradients=rng.choice(("none", "total")))


def overflow(rng):
    """Values beyond the largest binary64, or a coefficient that is."""
    choice = rng.randrange(4)
    if choice == 0:  # the square
        tensor = Tensor("F64", [2, 2], [rng.choice((1e155, 1e200, DBL_MAX))] + [1.0] * 3)
        return Problem({"w_hid": tensor}, {"hid": rng.choice((1.0, 1e-300, 5e-324))})
    if choice == 1:  # lambda times it
        return Problem(Sizes(rng).network(("fr",), kind="integer"), {"fr": DBL_MAX, "fr_sd": DBL_MAX})
    if choice == 2:  # 2 lambda/count: only if the gradient is asked for
        count = rng.choice((1, 2, 3))
        tensors = {"w_in": Tensor("F32", [1, count], [math.ldexp(1, -rng.randint(2, 90))] * count)}
        return Problem(tensors, {"in": DBL_MAX}, gradients=rng.choice(("none", "total", "per_term")))
    xs = [math.ldexp(rng.random(), -900) for _ in range(3)]  # c[n] of fr_cv
    return Problem({"fr": Tensor("F64", [1, 3], xs)}, {"fr_cv": math.ldexp(1, rng.randint(100, 400))},
                   gradients=rng.choice(("none", "total", "per_term")))


def element_overflow(rng):
    """Gradient elements beyond their dtype: infinities, and the border to them."""
    fmt = pick(rng, F16, F32, BF16)
    largest = float(fmt.max)
    xs = [rng.choice((largest, -largest, largest / 2, 1.0, 0.0, -0.0)) for _ in range(6)]
    a = rng.choice((1.0, 2.0, 1 + 2.0**-(fmt.precision + 1), 1 + 2.0**-fmt.precision, 1 - 2.0**-30, 1e3))
    return Problem({"w_in": Tensor(fmt.name, [2, 3], xs)}, {"in": a * 3})


def undefined(rng):
    """fr_cv at mu = 0, exactly, or by cancellation of huge rates that leaves something."""
    xs = elements(rng, F32, 4, "gauss")
    xs += [-x for x in xs]
    rng.shuffle(xs)
    if rng.random() < 0.4:
        xs[0] = neighbour(rng, xs[0], F32)
    return Problem({"fr": Tensor("F32", [2, 4], xs)}, {"fr_cv": 1.0, "fr": rng.choice((0.0, 1.0))})


def not_finite(rng):
    """NaN and infinities, under both rules."""
    problem = sane(rng) if rng.random() < 0.6 else signed_zeros(rng)
    problem.nonfinite = "propagate" if rng.random() < 0.8 else "error"
    for name in rng.sample(sorted(problem.tensors), rng.randint(1, 3)):
        values = problem.tensors[name].values
        for _ in range(rng.randint(1, 2)):
            values[rng.randrange(len(values))] = rng.choice((math.nan, math.inf, -math.inf))
    if rng.random() < 0.3 and "target" in problem.tensors:
        problem.tensors["target"].values = list(problem.tensors["pred"].values)  # Inf - Inf
        problem.tensors["target"].dtype = problem.tensors["pred"].dtype
    problem.lambdas = {t: x for t, x in problem.lambdas.items() if rng.random() < 0.8}
    if rng.random() < 0.2:
        problem.lambdas["mse"] = 5e-324  # a = +0, and 0*Inf
    return problem


def nothing(rng):
    """No active term: loss 0, everything unused, gradients (when asked for) zero."""
    names = [x for x in TENSORS if rng.random() < 0.5]
    return Problem(Sizes(rng).network(names), {t: rng.choice((0.0, -0.0)) for t in TERMS if rng.random() < 0.3})


RECIPES = ((plain, 22), (sane, 5), (close, 4), (one_neuron, 3), (one_element, 3), (rates, 8), (negative_mean, 3),
           (large, 1), (signed_zeros, 3), (square_tie, 8), (loss_tie, 6), (total_tie, 3), (sd_tie, 4), (sd_beside, 4),
           (cv_tie, 4), (cv_beside, 4), (total_cancels, 4), (exact_zero, 2), (gradient_tie, 7), (offset_tie, 4), (cancelling_fma, 4),
           (small_results, 5), (overflow_border, 2), (overflow, 2), (element_overflow, 2), (undefined, 2),
           (not_finite, 4), (nothing, 2))


def generate(seed, index):
    """Problem number index of a seed. Each recipe has its turn, in proportion to its weight."""
    rng = random.Random(f"{seed}/{index}")
    if index < len(RECIPES):
        recipe = RECIPES[index][0]
    else:
        recipe = rng.choices([r for r, _ in RECIPES], [w for _, w in RECIPES])[0]
    problem = recipe(rng)
    problem.label = recipe.__name__
    if problem.gradients == "total" and problem.wrt is None:
        set_options(rng, problem)
    return problem
