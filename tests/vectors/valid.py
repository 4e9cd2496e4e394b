"""The vectors whose meaning the oracle knows: problems that have an answer, and those that have none."""
import itertools
import math

from make import Ruled, vector
from oracle import FORMATS, TENSORS, TERMS, USES, Problem, Tensor

MAX, MIN, TINY = float(FORMATS["F64"].max), 2.0**-1022, 2.0**-1074
NAN, INF = math.nan, math.inf
RATES = ["fr", "fr_sd", "fr_cv"]


def T(shape, *values, dtype="F64"):
    """A tensor; a lone last axis may be given as a number."""
    return Tensor(dtype, [shape] if isinstance(shape, int) else list(shape), [float(x) for x in values])


def P(lambdas, tensors, **options):
    """A problem; lambdas may be a list of terms, whose weights are then 1."""
    if not isinstance(lambdas, dict):
        lambdas = dict.fromkeys([lambdas] if isinstance(lambdas, str) else lambdas, 1.0)
    return Problem(dict(tensors), dict(lambdas), **options)


def rated(terms, shape, *values, dtype="F64", **options):
    """A problem about firing rates alone."""
    return P(terms, {"fr": T(shape, *values, dtype=dtype)}, **options)


# ---- By hand ---------------------------------------------------------------------------------------------


def by_hand():
    flags, out = ["by-hand"], []

    def add(group, name, comment, problem):
        out.append(vector(group, f"{name}-by-hand", comment, flags, problem, "nested"))

    add("mse", "mse", "((1-0)^2 + 0 + 0 + (4-2)^2)/4 = 5/4; the gradient is 2(pred-target)/4",
        P("mse", {"pred": T((2, 2), 1, 2, 3, 4), "target": T((2, 2), 0, 2, 3, 2)}))
    add("mse", "mse-weighted", "lambda 3: 3 * 5/4; both gradients, of which the target's is the negative",
        P({"mse": 3.0}, {"pred": T((2, 2), 1, 2, 3, 4), "target": T((2, 2), 0, 2, 3, 2)}, wrt=["pred", "target"]))
    add("in", "in", "(1 + 4 + 9 + 16 + 25 + 36)/6 = 91/6, which is rounded; the gradient is w/3",
        P("in", {"w_in": T((3, 2), 1, -2, 3, -4, 5, -6)}))
    add("hid", "hid", "(0 + 1 + 4 + 9)/4 = 7/2; the gradient is w/2", P("hid", {"w_hid": T((2, 2), 0, 1, -2, 3)}))
    add("out", "out", "(1/4 + 1/16)/2 = 5/32; the gradient is w", P("out", {"w_out": T((1, 2), 0.5, -0.25)}))
    add("fr", "fr", "(0 + 4 + 4 + 16)/4 = 6; the gradient is fr/2", rated("fr", (2, 1, 2), 0, 2, 2, 4))
    add("fr_sd", "fr_sd", "the means are 1 and 3, their deviation from 2 is 1; c[n] = (m-2)/(1*2*2) = -1/4, 1/4",
        rated("fr_sd", (2, 1, 2), 0, 2, 2, 4))
    add("fr_cv", "fr_cv", "sigma/mu = 1/2; c[n] = ((m-2)/2 - 1/4)/4 = -3/16, 1/16", rated("fr_cv", (2, 1, 2), 0, 2, 2, 4))
    add("fr_sd", "fr_sd-irrational", "means 0, 0, 1: sigma = sqrt(2)/3, rounded once", rated("fr_sd", (1, 3), 0, 0, 1))
    add("fr_cv", "fr_cv-irrational", "means 0, 0, 1: sigma/mu = sqrt(2), rounded once", rated("fr_cv", (1, 3), 0, 0, 1))
    add("fr_sd", "fr_sd-population", "means 1, 2, 3, 4: sigma = sqrt(5/4), not the sample's sqrt(5/3)",
        rated("fr_sd", (1, 4), 1, 2, 3, 4))
    add("fr_sd", "fr_sd-of-means", "means over time are 0 and 0: sigma is 0, although the rates vary",
        rated("fr_sd", (1, 2, 2), 1, -1, -1, 1))
    add("fr_sd", "fr_sd-signed", "rates keep their sign: means -1 and 1, sigma 1 (of absolute values it would be 0)",
        rated("fr_sd", (1, 2), -1, 1))
    add("combination", "fr-and-fr_sd", "6 + 1/2 * 1; element by element fr/2 + c[n], c = -1/8, 1/8",
        rated({"fr": 1.0, "fr_sd": 0.5}, (2, 1, 2), 0, 2, 2, 4, gradients="per_term"))
    return out


# ---- Each term in each dtype, each combination of terms ----------------------------------------------------


SHAPES = {"pred": [2, 2, 2], "target": [2, 2, 2], "fr": [2, 2, 3], "w_in": [3, 2], "w_hid": [3, 3], "w_out": [2, 3]}


def written(dtype, shape, seed):
    """A tensor of fixed arbitrary numbers, nearly as many bits as its dtype has, written out."""
    precision = FORMATS[dtype].precision
    ruled = Ruled(dtype, shape, seed, precision, 2**(precision - 2), 1 - precision)
    return Tensor(dtype, list(shape), ruled.values)


def network(names, dtypes, seed):
    return {n: written(d, SHAPES[n], seed + TENSORS.index(n)) for n, d in zip(names, dtypes)}


def each_dtype():
    out = []
    for term, dtype in itertools.product(TERMS, FORMATS):
        names = [n for n in TENSORS if n in USES[term]]
        problem = P({term: 0.1}, network(names, [dtype] * 2, 100 + len(out)), wrt=names)
        out.append(vector(term, f"{term}-{dtype.lower()}", f"arbitrary {dtype} numbers, lambda 0.1", ["dtype"], problem,
                          ("data", "base64")[len(out) % 2]))
    return out


def each_combination():
    out, weights = [], dict(zip(TERMS, (1.0, 0.01, 0.02, 0.03, 0.1, 0.2, 0.05)))
    shapes = dict(SHAPES, pred=[1, 2, 1], target=[1, 2, 1], fr=[1, 2, 2], w_in=[2, 1], w_hid=[2, 2], w_out=[1, 2])
    for size in range(2, len(TERMS) + 1):
        for terms in itertools.combinations(TERMS, size):
            names = [n for n in TENSORS if any(n in USES[t] for t in terms)]
            tensors = {n: written("F32", shapes[n], 500 + TENSORS.index(n)) for n in names}
            out.append(vector("combination", "terms-" + "-".join(terms), "the total is rounded once from the exact sum",
                              [], P({t: weights[t] for t in terms}, tensors)))
    return out


# ---- Edges -----------------------------------------------------------------------------------------------


def edges():
    out = []

    def add(group, name, comment, flags, problem, form="data"):
        out.append(vector(group, name, comment, ["edge", *flags], problem, form))

    for term in TERMS:
        names = [n for n in TENSORS if n in USES[term]]
        one = {n: T([1] * len(SHAPES[n]), 3 + i) for i, n in enumerate(names)}
        add(term, f"{term}-one-element", "every axis has length 1", ["one-element"], P(term, one))
        add(term, f"{term}-lambda-zero", "lambda 0: the term is not reported, the tensors are unused, no gradients",
            ["lambda-zero"], P({term: 0.0}, one))
    add("fr_sd", "fr_sd-sigma-zero", "all means are equal: sigma = 0, c[n] = +0", ["zero-sigma"],
        rated("fr_sd", (2, 3), 1, 2, 3, 3, 2, 1))
    add("fr_cv", "fr_cv-sigma-zero", "all means are equal: sigma/mu = 0, c[n] = +0", ["zero-sigma"],
        rated("fr_cv", (2, 3), 1, 2, 3, 3, 2, 1))
    add("combination", "sigma-zero-with-fr", "with sigma = 0 the gradient is fma(a, fr, +0): -0 becomes +0",
        ["zero-sigma", "signed-zero"], rated(RATES, (2, 2), 1, 1, -0.0, 0, gradients="per_term"))
    add("fr_cv", "fr_cv-negative-mean", "mu = -2: the value is negative, and a warning says so", ["negative-mean"],
        rated("fr_cv", (2, 2), 0, -2, -2, -4))
    add("fr_cv", "fr_cv-tiny-mean", "mu = 2^-53/6: 1 + 2^-53 is no double, and a sum in doubles gives 0",
        ["cancellation"], rated("fr_cv", (3, 2), 1, 0, 2.0**-53, 0, -1, 0))
    add("fr_cv", "fr_cv-undefined", "mu = 0", ["undefined"], rated("fr_cv", (1, 2), -1, 1))
    add("fr_cv", "fr_cv-undefined-zeros", "mu = 0 and sigma = 0: undefined all the same", ["undefined"],
        rated("fr_cv", (1, 2), 0, -0.0))
    add("fr_cv", "fr_cv-undefined-cancelled", "mu = 0 exactly, after cancellation over time", ["undefined", "cancellation"],
        rated("fr_cv", (4, 1), 1e16, 1, -1e16, -1))
    add("fr_sd", "fr_sd-one-neuron", "N_hid = 1: sigma = 0", ["zero-sigma"], rated("fr_sd", (3, 1), 1, 2, 3))
    add("fr_cv", "fr_cv-one-neuron", "N_hid = 1: sigma/mu = 0", ["zero-sigma"], rated("fr_cv", (3, 1), 1, 2, 3))
    add("hid", "hid-one-neuron", "N_hid = 1: w_hid is [1, 1]", [], P("hid", {"w_hid": T((1, 1), -1.5)}))
    # signed zeros
    add("mse", "mse-equal", "pred = target: +0 for pred, -0 for target", ["signed-zero"],
        P("mse", {"pred": T(2, 1, -0.0), "target": T(2, 1, -0.0)}, wrt=["pred", "target"]))
    add("mse", "mse-zeros", "(+0)-(-0), (-0)-(+0), (-0)-(-0): the last two have other signs", ["signed-zero"],
        P("mse", {"pred": T(3, 0.0, -0.0, -0.0), "target": T(3, -0.0, 0.0, -0.0)}, wrt=["pred", "target"]))
    add("in", "in-zeros", "all zeros: the value is +0, the gradient keeps the signs", ["signed-zero"],
        P("in", {"w_in": T((1, 2), 0.0, -0.0)}))
    # subnormals and underflow
    add("in", "in-value-underflow", "2^-1074 squared underflows: the value is +0", ["subnormal"],
        P("in", {"w_in": T((1, 1), TINY)}))
    add("in", "in-subnormal-value", "the value is the smallest subnormal", ["subnormal"],
        P("in", {"w_in": T((1, 1), 2.0**-537)}))
    add("in", "in-subnormal-tie", "2^-1075 is a tie between 0 and the smallest subnormal: even is 0", ["subnormal", "tie"],
        P("in", {"w_in": T((1, 2), 2.0**-537, 0)}))
    add("in", "in-subnormal-above-tie", "a hair above that tie: the smallest subnormal", ["subnormal", "tie"],
        P("in", {"w_in": T((1, 2), 2.0**-537, TINY)}))
    add("fr_sd", "fr_sd-subnormal", "rates 0 and 2^-1074: sigma is half of the smallest subnormal: a tie, to 0",
        ["subnormal", "tie"], rated("fr_sd", (1, 2), 0, TINY))
    add("fr_cv", "fr_cv-subnormal", "the same rates: sigma/mu = 1", ["subnormal"],
        rated("fr_cv", (1, 2), 0, TINY, gradients="none"))
    for dtype, smallest in (("F16", 2.0**-24), ("BF16", 2.0**-133), ("F32", 2.0**-149)):
        low = dtype.lower()
        add("fr", f"fr-subnormal-{low}", f"subnormal {dtype} rates are not flushed", ["subnormal"],
            rated(RATES, (2, 2), smallest, 3 * smallest, 0, 5 * smallest, dtype=dtype, gradients="per_term"))
        add("mse", f"mse-subnormal-{low}", f"the difference of subnormal {dtype} numbers", ["subnormal"],
            P("mse", {"pred": T(2, smallest, 0, dtype=dtype), "target": T(2, -smallest, 0, dtype=dtype)}))
    add("in", "in-lambda-smallest", "lambda is the smallest subnormal: 4.94e-324 * 9 = 9 * 2^-1074", ["subnormal"],
        P({"in": TINY}, {"w_in": T((1, 1), 3)}))
    add("fr", "fr-f16-underflow", "lambda/count is below F16's range: the gradient is 0, and a warning says so",
        ["underflow"], rated({"fr": 2.0**-30}, (1, 2), 1, -1, dtype="F16"))
    add("fr_sd", "fr_sd-f16-underflow", "c[n] is below F16's range: signed zeros, and a warning", ["underflow"],
        rated({"fr_sd": 2.0**-30}, (1, 2), 0, 1, dtype="F16"))
    # overflow
    add("in", "in-largest", "the largest double squared is beyond the doubles", ["overflow"],
        P("in", {"w_in": T((1, 1), MAX)}))
    add("in", "in-large-mean", "the sum of squares is beyond the doubles, their mean is not", ["large-numbers"],
        P("in", {"w_in": T((2, 2), *[2.0**511 * 1.25] * 4)}))
    add("in", "in-unweighted-overflow", "lambda times the value fits, the unweighted value doesn't", ["overflow"],
        P({"in": 2.0**-100}, {"w_in": T((1, 1), 2.0**520)}))
    add("in", "in-overflow-border", "the value is the largest double", ["large-numbers"],
        P({"in": MAX}, {"w_in": T((1, 1), 1)}, gradients="none"))
    add("in", "in-coefficient-overflow", "the value fits, 2 lambda/count does not, and the gradient needs it", ["overflow"],
        P({"in": MAX}, {"w_in": T((1, 1), 1)}))
    add("in", "in-double-lambda", "2 lambda is beyond the doubles, 2 lambda/count is not", ["large-numbers"],
        P({"in": MAX}, {"w_in": T((2, 1), 0.5, 0.5)}))
    add("mse", "mse-difference-overflow", "the difference of the largest doubles", ["overflow"],
        P("mse", {"pred": T(1, MAX), "target": T(1, -MAX)}))
    add("combination", "total-overflow", "each term fits, their sum does not", ["overflow"],
        P({"in": 1.0, "out": 1.0}, {"w_in": T((1, 1), 2.0**511 * 1.42), "w_out": T((1, 1), 2.0**511 * 1.42)},
          gradients="none"))
    add("fr_sd", "fr_sd-largest", "the sum of the rates is beyond the doubles, sigma is not", ["large-numbers"],
        rated("fr_sd", (2, 2), MAX, 0, MAX, 0))
    add("fr", "fr-f16-infinite-gradient", "a gradient's element beyond F16 is infinite, and no error", ["large-numbers"],
        rated({"fr": 65536.0}, (1, 2), 1, -1, dtype="F16"))
    for dtype, step in (("F16", 2.0**-10), ("BF16", 2.0**-7)):
        add("fr", f"fr-{dtype.lower()}-rounded-twice", f"the gradient is a hair above a tie of {dtype}: by way of F32 it would "
            "be 1", ["tie"], rated({"fr": 1 + step / 2 + 2.0**-30}, (1, 2), 1, 0, dtype=dtype))
    add("fr", "fr-f32-gradient-overflow", "F64 rates, gradient_dtype F32: beyond F32 is infinite", ["large-numbers"],
        rated("fr", (1, 2), 1e100, -1e-100, gradient_dtype="F32"))
    return out


def ties():
    """Values on, and a hair beside, the midpoint of two doubles."""
    a, b, hair = 2.0**-27, 2.0**-26, 2.0**-500
    cases = (("even-down", "1 + 2^-53 is a tie: to 1", (1, a, a, 0)),
             ("above", "a hair above that tie: to 1 + 2^-52", (1, a, a, hair)),
             ("even-up", "1 + 2^-52 + 2^-53 is a tie: to 1 + 2^-51", (1, b, a, a)),
             ("order", "the same as even-up in another order", (a, a, b, 1)))
    out = [vector("in", f"in-tie-{name}", comment + " (then a quarter of it)", ["edge", "tie"],
                  P("in", {"w_in": T((2, 2), *xs)})) for name, comment, xs in cases]
    out.append(vector("combination", "total-tie", "1/4 + 2^-55 + 2^-57 is above a tie: 1/4 + 2^-54; the terms, each rounded, add up to 1/4", ["edge", "tie"],
                      P({"in": 1.0, "out": 1.0}, {"w_in": T((2, 2), 1, a, 0, 0), "w_out": T((2, 2), a, 2.0**-28, 2.0**-28, 0)},
                        gradients="none")))
    out.append(vector("in", "in-lambda-rounded-once", "0.3 times the real mean of squares: 0.3 times the rounded one is another double",
                      ["edge"], P({"in": 0.3}, {"w_in": T((1, 3), 0.1, 0.2, 0.3)})))
    return out


def cancellation():
    out = []

    def add(name, comment, problem):
        out.append(vector("fr_sd", f"cancellation-{name}", comment, ["edge", "cancellation"], problem))

    both, eps = ["fr_sd", "fr_cv"], 2.0**-52
    add("one-ulp", "means 2^53 and 2^53 + 2: E[m^2] - mu^2 in doubles is 0 or negative", rated(both, (1, 2), 2.0**53, 2.0**53 + 2))
    add("f32", "F32 rates 16777215 and 16777216: sigma = 1/2",
        rated(both, (1, 2), 16777215, 16777216, dtype="F32", gradients="per_term"))
    add("large", "rates about 1e300: squares are beyond the doubles", rated(both, (1, 3), 1e300, 1e300 * (1 + eps), 1e300))
    add("over-time", "1e30 + 1 - 1e30 over time: the means are 1/3 and 0", rated(both, (3, 2), 1e30, 0, 1, 0, -1e30, 0))
    add("over-time-f32", "2^100 + 1 - 2^100 in F32: the means are 1/3 and 2/3",
        rated(both, (3, 2), 2.0**100, 1, 1, 1, -2.0**100, 0, dtype="F32"))
    add("last-bit", "all rates are 0.1, but for one that differs in its last bit",
        rated(both, (4, 3), *[0.1] * 11, 0.1 * (1 + eps)))
    add("f16", "F16 rates 2047 and 2048", rated(both, (1, 2), 2047, 2048, dtype="F16"))
    add("bf16", "BF16 rates 255 and 256", rated(both, (1, 2), 255, 256, dtype="BF16"))
    add("gradient", "a * fr + c[n] cancels: one fma, not a product and a sum",
        rated({"fr": 1.0, "fr_sd": 1.0}, (2, 2), 0.5, -0.5, 0.1, 0.3))
    out.append(vector("mse", "cancellation-mse", "pred and target differ in the last bit", ["edge", "cancellation"],
                      P("mse", {"pred": T(2, 1 + eps, 0.1), "target": T(2, 1, 0.1 * (1 + eps))})))
    out.append(vector("mse", "cancellation-mse-exponents", "1e150 - 1e-150 and 1 - 1e-200: the differences are no doubles", ["edge", "cancellation"],
                      P("mse", {"pred": T(2, 1e150, 1), "target": T(2, 1e-150, 1e-200)})))
    return out


def borders():
    """Decimals of JSON at the border between two elements: rounded once to the dtype, not by way of a double."""
    tie = 1 + 2.0**-24
    cases = (("f32-tie", "F32", "1.000000059604644775390625", 1.0, "1 + 2^-24 is a tie: to even, 1"),
             ("f32-above-tie", "F32", "1.00000005960464477539062500000001", 1 + 2.0**-23,
              "a hair above that tie; by way of a double it would be 1"),
             ("f32-below-tie", "F32", "1.000000178813934326171874999999999", 1 + 2.0**-23,
              "a hair below the next tie; by way of a double it would be 1 + 2^-22"),
             ("f32-integer", "F32", "16777217", 16777216.0, "2^24 + 1 is a tie: to even"),
             ("f32-largest", "F32", "3.4028235677973366e38", float(FORMATS["F32"].max), "just below the border to overflow"),
             ("f32-smallest", "F32", "7.006492321624086e-46", 2.0**-149, "just above half of the smallest subnormal"),
             ("f32-zero", "F32", "-7.006492321624085e-46", -0.0, "just below half of the smallest subnormal: -0"),
             ("f16-above-tie", "F16", "1.00048828125000000000000000000001", 1 + 2.0**-10, "a hair above a tie"),
             ("f16-largest", "F16", "65519.99999999999999999", 65504.0, "a hair below the border to overflow"),
             ("bf16-above-tie", "BF16", "1.0039062500000000000000000000001", 1 + 2.0**-7, "a hair above a tie"),
             ("f64-above-tie", "F64", "1.00000000000000011102230246251565404236316680908203126", 1 + 2.0**-52, "a hair above a tie"),
             ("f64-half-way", "F64", "9007199254740993", 9007199254740992.0, "2^53 + 1 is a tie: to even"),
             ("f64-smallest", "F64", "2.4703282292062328e-324", TINY, "just above half of the smallest subnormal"),
             ("f64-underflow", "F64", "-1e-400", -0.0, "below any double: -0"))
    assert tie == float(cases[0][2])
    return [vector("rounding", f"decimal-{name}", f"JSON: {text}. {comment}", ["edge", "rounding-border"],
                   P("in", {"w_in": T((1, 1), x, dtype=dtype)}), "data", {"w_in": [text]})
            for name, dtype, text, x, comment in cases]


# ---- Options, shapes, numbers that are not finite ------------------------------------------------------------


def options():
    out, every = [], dict(zip(TERMS, (1.0, 0.01, 0.02, 0.03, 0.1, 0.2, 0.05)))

    def add(name, comment, problem, form="data", flags=()):
        out.append(vector("options", name, comment, list(flags), problem, form))

    def all_tensors(*dtypes):
        return network(TENSORS, dtypes * (1 if len(dtypes) > 1 else 6), 900)

    add("per-term", "each term's own gradients beside those of the total", P(every, all_tensors("F32"), gradients="per_term"))
    add("mixed-dtypes", "pred F32 and target F64, fr BF16, weights F16, F64, BF16",
        P(every, all_tensors("F32", "F64", "BF16", "F16", "F64", "BF16"), gradients="per_term", wrt=list(TENSORS)),
        "base64", ["mixed-dtype"])
    add("no-gradients", "gradients none", P(every, all_tensors("F16"), gradients="none"))
    add("gradient-dtype-f64", "F16 tensors, F64 gradients", P(every, all_tensors("F16"), gradient_dtype="F64"))
    add("gradient-dtype-f32", "F64 tensors, F32 gradients", P(every, all_tensors("F64"), gradient_dtype="F32"))
    add("wrt-order", "wrt in any order: gradients come in the order of the tensors",
        P(every, all_tensors("F32"), wrt=["w_out", "target", "fr"]))
    add("wrt-empty", "wrt empty: no gradients, but the member is there", P("in", {"w_in": T((1, 2), 1, 2)}, wrt=[]), "nested")
    add("wrt-unused", "a tensor that no active term uses has a gradient of zeros",
        P("in", {"w_in": T((1, 2), 1, 2), "w_out": T((1, 1), 5)}, wrt=["w_in", "w_out"]), "nested", ["unused"])
    add("unused", "tensors that no active term needs are named, in the order of the tensors",
        P("fr", {"w_out": T((1, 2), 1, 2), "w_in": T((2, 1), 1, 2), "fr": T(2, 1, 2)}), "nested", ["unused"])
    add("nothing", "no weights, no tensors: the loss is 0", P({}, {}), "nested")
    add("all-zero", "every lambda 0, every tensor sent: the loss is 0, all are unused",
        P(dict.fromkeys(TERMS, 0.0), all_tensors("F32")), "data", ["lambda-zero", "unused"])
    add("lambda-minus-zero", "-0 is 0: not active", P({"in": -0.0}, {"w_in": T((1, 1), 1)}), "nested", ["lambda-zero"])
    values = [0.25 * i for i in range(8)]
    for rank in range(1, 9):
        shape = [1] * (rank - 2) + [4, 2] if rank > 1 else [8]
        add(f"rank-{rank}", f"fr has {rank} axes: all before the last are averaged over", rated(RATES, shape, *values))
    add("time-first", "[T, B, N] and [B, T, N] give the same values", rated(RATES, (4, 1, 2), *values))
    for name, shapes in (("torch", ((3, 2), (2, 3))), ("flax", ((2, 3), (3, 2)))):
        add(f"weights-as-{name}", "w_in and w_out either way round: the gradient comes back as sent",
            P(["in", "out"], {"w_in": T(shapes[0], *range(6)), "w_out": T(shapes[1], *range(6)), "fr": T(3, 1, 2, 3)}))
    return out


def nonfinite():
    out = []

    def add(name, comment, problem, form="data"):
        out.append(vector("nonfinite", name, comment, ["non-finite"], problem, form))

    for name, x in (("nan", NAN), ("infinity", INF)):
        for term in ("mse", "in", "fr", "fr_sd"):
            names = [n for n in TENSORS if n in USES[term]]
            tensors = {n: T([1, 2], 1, 1) for n in names}
            tensors[names[0]] = T([1, 2], 1, x)
            add(f"{name}-{term}", f"{name} in {names[0]}: refused, with its place", P(term, tensors), "base64")
            add(f"propagate-{name}-{term}", f"{name} in {names[0]}, nonfinite propagate",
                P(term, tensors, nonfinite="propagate", gradients="per_term"))
    for dtype in ("F16", "BF16", "F32"):
        add(f"propagate-{dtype.lower()}", "the canonical NaN, infinities of both signs",
            rated("fr", (3, 1), NAN, INF, -INF, dtype=dtype, nonfinite="propagate"))
    add("propagate-inf-minus-inf", "infinity - infinity is NaN",
        P("mse", {"pred": T(2, INF, 1), "target": T(2, INF, 0)}, nonfinite="propagate"))
    add("propagate-total", "one term infinite, the other finite: the total is infinite",
        P(["in", "out"], {"w_in": T((1, 1), INF), "w_out": T((1, 1), 1)}, nonfinite="propagate"))
    add("nonfinite-unused", "NaN in a tensor that no term uses is refused, too",
        P("in", {"w_in": T((1, 1), 1), "w_out": T((1, 1), NAN)}), "base64")
    return out


def large():
    """Inputs by a rule."""
    def add(group, name, comment, problem):
        return vector(group, name, comment, ["large"], problem)

    many = [1, 1, 100000]
    return [
        add("fr_sd", "large-fr_sd-f32", "100,000 neurons, F32", P({"fr_sd": 0.1, "fr_cv": 0.05},
            {"fr": Ruled("F32", many, 1, 11, 0, -10)})),
        add("fr", "large-fr-bf16", "100,000 neurons, BF16, rates of both signs, all terms of rates",
            P(RATES, {"fr": Ruled("BF16", many, 2, 8, 100, -7)}, gradients="none")),
        add("fr_sd", "large-fr_sd-f64", "20,000 neurons, F64, all 53 bits", P(["fr_sd", "fr_cv"],
            {"fr": Ruled("F64", [1, 3, 20000], 3, 53, 2**51, -52)}, gradients="none")),
        add("fr_sd", "large-rows", "1,000 rows of 7 neurons, F32", P(RATES,
            {"fr": Ruled("F32", [10, 100, 7], 4, 24, 2**23, -23)})),
        add("mse", "large-mse-f32", "10,000 F32 predictions",
            P("mse", {n: Ruled("F32", [10, 10, 100], 5 + i, 24, 2**23, -20) for i, n in enumerate(("pred", "target"))})),
        add("mse", "large-mse-f64", "10,000 F64 predictions",
            P("mse", {n: Ruled("F64", [10, 10, 100], 7 + i, 53, 2**52, -40) for i, n in enumerate(("pred", "target"))})),
        add("hid", "large-hid-f16", "a recurrent matrix of 100 by 100, F16",
            P("hid", {"w_hid": Ruled("F16", [100, 100], 9, 11, 1024, -12)})),
        add("in", "large-in-f64", "300 by 100 weights, F64, all 53 bits",
            P("in", {"w_in": Ruled("F64", [300, 100], 10, 53, 2**52, -52)}, gradients="none")),
    ]


def vectors():
    return (by_hand() + each_dtype() + edges() + ties() + cancellation() + borders() + options() + nonfinite()
            + each_combination() + large())
