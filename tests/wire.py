"""The wire contract from a client's side: requests in every encoding, and safetensors both ways.

A Plan says how one request is to be encoded; build(problem, plan, rng) makes its bytes, with every
freedom that the contract leaves (order of members, white space, number texts, chunks) used at random.
"""
import base64
import itertools
import json
import math
import struct
import urllib.parse
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, Optional

from oracle import FORMATS, F64, Tensor, encode, from_bytes, power_of_two, same, from_decimal

JSON_TYPE, SAFETENSORS_TYPE = "application/json", "application/vnd.safetensors"
FORMS = ("nested", "data", "data_base64", "mixed", "safetensors")


class Plan(NamedTuple):
    """How to send a request: the form of its tensors, what to ask for, and whether in chunks."""
    form: str              # one of FORMS; "mixed": each tensor in its own form, in JSON
    accept: Optional[str]  # "json", "safetensors", None: as the request
    chunked: bool

    @property
    def answer(self):
        """The encoding that the answer must have."""
        return self.accept or ("safetensors" if self.form == "safetensors" else "json")


PLANS = [Plan(*p) for p in itertools.product(FORMS, (None, "json", "safetensors"), (False, True))]


class Request(NamedTuple):
    url: str
    headers: dict
    body: bytes
    forms: dict  # tensor name -> "nested", "data", "data_base64": the form its JSON gradient must have


# ---- Number texts --------------------------------------------------------------------------------


def dyadic_text(x, more=0, nudge=0):
    """A fraction x > 0 with a power of two below, as an exact decimal text; with so many more digits,
    and the last one moved by nudge."""
    k = x.denominator.bit_length() - 1
    digits = str(x.numerator * 5**k * 10**more + nudge)
    point = len(digits) - 1
    return f"{digits[0]}.{digits[1:] or '0'}e{point - k - more}"


def border_text(x, fmt, rng):
    """A decimal at the very edge of those that round to x: the midpoint to its neighbour if x is
    even, else a hair inside. By way of binary64 many of them round to the neighbour."""
    bits = encode(abs(x), fmt)
    magnitude = Fraction(abs(x))
    quantum = fmt.min_subnormal if magnitude < fmt.min_normal else magnitude_quantum(magnitude, fmt)
    upward = x == 0 or rng.random() < 0.5
    if not upward and bits & (2**(fmt.precision - 1) - 1) == 0 and magnitude > fmt.min_normal:
        quantum /= 2  # below a power of two elements lie closer
    midpoint = magnitude + quantum / 2 * (1 if upward else -1)
    inside = -1 if upward else 1
    nudge = rng.choice((0, inside)) if bits % 2 == 0 else inside
    return ("-" if math.copysign(1, x) < 0 else "") + dyadic_text(midpoint, 25, nudge)


def magnitude_quantum(magnitude, fmt):
    """The distance of neighbours in the binade of a normal magnitude."""
    e = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if magnitude < power_of_two(e):
        e -= 1
    return power_of_two(e - fmt.precision + 1)


def exact_text(x, fmt, rng):
    """All digits of x."""
    text = str(Decimal(x)) if rng.random() < 0.5 else format(Decimal(x), "f")
    return text if x or "." in text else text + ".0"


def integer_text(x, fmt, rng):
    return ("-0" if math.copysign(1, x) < 0 and x == 0 else str(int(x))) if x == int(x) and abs(x) < 1e25 else repr(x)


STYLES = {
    "repr": lambda x, fmt, rng: repr(x), "exact": exact_text, "integer": integer_text,
    "padded": lambda x, fmt, rng: f"{x:.25e}".replace("e", rng.choice(("e", "E")))
    if Fraction(f"{x:.25e}") == Fraction(x) else f"{x:.16e}",
    "border": border_text}


def number_text(x, fmt, rng, style=None):
    """A JSON number that reads as the element x of fmt."""
    text = STYLES[style or rng.choice(tuple(STYLES))](x, fmt, rng)
    assert same(from_decimal(text, fmt), x), (text, x, fmt.name)
    return text


# ---- JSON ----------------------------------------------------------------------------------------


class Raw(str):
    """Text that goes into the JSON as it is."""


class Members(list):
    """An object's (key, value) pairs, in the order in which they are written."""


def write_json(node, rng, separators):
    comma, colon, space = separators
    if isinstance(node, Raw):
        return node
    if isinstance(node, Members):
        inner = comma.join(write_string(k, rng) + colon + write_json(v, rng, separators) for k, v in node)
        return "{" + space + inner + space + "}"
    if isinstance(node, list):
        return "[" + space + comma.join(write_json(x, rng, separators) for x in node) + space + "]"
    return write_string(node, rng) if isinstance(node, str) else str(node)


def write_string(text, rng):
    if rng.random() < 0.02:
        return '"' + "".join(f"\\u{ord(c):04{rng.choice('xX')}}" for c in text) + '"'
    return json.dumps(text)


def shuffled(rng, pairs):
    pairs = list(pairs)
    if rng.random() < 0.6:
        rng.shuffle(pairs)
    return Members(pairs)


def nest(flat, shape):
    """A flat list as nested lists of this shape."""
    for n in reversed(shape[1:]):
        flat = [flat[i:i + n] for i in range(0, len(flat), n)]
    return flat


def json_numbers(tensor, rng):
    style = "repr" if len(tensor.values) > 1500 else rng.choice((None, None, "repr", "exact", "border"))
    return [Raw(number_text(x, tensor.format, rng, style)) if math.isfinite(x) else special_text(x) for x in tensor.values]


def special_text(x):
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def json_tensor(tensor, form, rng):
    if form == "nested":
        return nest(json_numbers(tensor, rng), tensor.shape)
    members = [("dtype", tensor.dtype), ("shape", list(tensor.shape))]
    if form == "data":
        numbers = json_numbers(tensor, rng)
        members.append(("data", nest(numbers, tensor.shape) if rng.random() < 0.25 else numbers))
    else:
        members.append(("data_base64", base64.b64encode(raw_bytes(tensor, rng)).decode()))
    return shuffled(rng, members)


def choose_form(tensor, plan, rng):
    if plan.form == "nested":
        return "nested" if tensor.dtype == "F64" else "data"
    if plan.form == "mixed":
        return rng.choice(("nested", "data", "data_base64") if tensor.dtype == "F64" else ("data", "data_base64"))
    return plan.form


def json_body(problem, plan, options, rng):
    """(bytes, forms) of a JSON request with these options in its body."""
    forms = {name: choose_form(t, plan, rng) for name, t in problem.tensors.items()}
    tensors = shuffled(rng, ((n, json_tensor(t, forms[n], rng)) for n, t in problem.tensors.items()))
    lambdas = shuffled(rng, ((k, Raw(v)) for k, v in options.items() if k.startswith("lambda_")))
    members = [(k, json_option(k, v)) for k, v in options.items() if not k.startswith("lambda_")]
    if lambdas or rng.random() < 0.5:
        members.append(("lambdas", lambdas))
    if tensors or rng.random() < 0.5:
        members.append(("tensors", tensors))
    separators = rng.choice(((",", ":", ""), (", ", ": ", ""), (" ,\n", "\t: ", "\r\n ")))
    text = write_json(shuffled(rng, members), rng, separators)
    return (rng.choice(("", "", "\n ")) + text + rng.choice(("", "", "\n"))).encode(), forms


def json_option(key, text):
    if key == "wrt":
        return text.split(",") if text else []
    return Raw(text) if key == "contract" else text


# ---- safetensors ---------------------------------------------------------------------------------


def raw_bytes(tensor, rng):
    """Little-endian bytes; NaNs of any sign and payload."""
    return b"".join(raw_bits(x, tensor.format, rng).to_bytes(tensor.format.size, "little") for x in tensor.values)


def raw_bits(x, fmt, rng):
    bits = encode(x, fmt)
    if math.isnan(x) and rng.random() < 0.7:
        infinity = encode(rng.choice((math.inf, -math.inf)), fmt)
        return infinity | rng.randrange(1, 2**(fmt.precision - 1))
    return bits


def safetensors_body(problem, options, rng):
    """(bytes, forms) of a safetensors request with these options in its metadata."""
    names = list(problem.tensors)
    rng.shuffle(names)
    members, data = [], b""
    for name in names:
        tensor = problem.tensors[name]
        piece = raw_bytes(tensor, rng)
        entry = shuffled(rng, (("dtype", tensor.dtype), ("shape", list(tensor.shape)),
                               ("data_offsets", [len(data), len(data) + len(piece)])))
        members.append((name, entry))
        data += piece
    metadata = shuffled(rng, options.items())
    if rng.random() < 0.3:
        metadata.append(("format", "pt"))
    if metadata or rng.random() < 0.3:
        members.append(("__metadata__", metadata))
    header = write_json(shuffled(rng, members), rng, (",", ":", ""))
    header = rng.choice(("", "", "", " ", "\n ")) + header
    header += " " * (-len(header) % 8 if rng.random() < 0.6 else rng.randint(0, 9))
    header = header.ljust(8)
    return struct.pack("<Q", len(header)) + header.encode() + data, {n: "data_base64" for n in names}


def no_duplicates(pairs):
    """An object_pairs_hook that takes each key once."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"duplicate key in {[k for k, _ in pairs]}")
    return found


class Safetensors:
    """A safetensors file, read strictly; aligned: each tensor must lie at a multiple of its element size."""

    def __init__(self, data, aligned=True):
        size = int.from_bytes(data[:8], "little")
        if size > len(data) - 8:
            raise ValueError(f"header of {size} bytes in {len(data)}")
        self.header_size = size
        header = json.loads(data[8:8 + size].decode("utf-8"), object_pairs_hook=no_duplicates)
        self.metadata = header.pop("__metadata__", {})
        self.tensors, self.order = {}, sorted(header, key=lambda n: header[n]["data_offsets"])
        body, end = data[8 + size:], 0
        for name in self.order:
            entry = header[name]
            begin, stop = entry["data_offsets"]
            fmt = FORMATS[entry["dtype"]]
            if begin != end or (aligned and begin % fmt.size) or stop - begin != fmt.size * math.prod(entry["shape"]):
                raise ValueError(f"{name}: {entry}, after offset {end}")
            end = stop
            self.tensors[name] = Tensor(fmt.name, entry["shape"], from_bytes(body[begin:stop], fmt))
            self.check_canonical(name, body[begin:stop], fmt)
        if end != len(body):
            raise ValueError(f"{len(body) - end} bytes after the last tensor")

    def check_canonical(self, name, data, fmt):
        """NaNs must be the canonical one."""
        for i, x in enumerate(self.tensors[name].values):
            if math.isnan(x) and int.from_bytes(data[i * fmt.size:(i + 1) * fmt.size], "little") != encode(x, fmt):
                raise ValueError(f"{name}[{i}]: a NaN that is not the canonical one")


# ---- Requests ------------------------------------------------------------------------------------


def option_texts(problem, rng):
    """The options of a request as texts; defaults are sometimes left out."""
    options = {f"lambda_{t}": number_text(x, F64, rng) for t, x in problem.lambdas.items()}
    if problem.gradients != "total" or rng.random() < 0.4:
        options["gradients"] = problem.gradients
    if problem.nonfinite != "error" or rng.random() < 0.3:
        options["nonfinite"] = problem.nonfinite
    if problem.wrt is not None:
        options["wrt"] = ",".join(problem.wrt)
    if problem.gradient_dtype is not None:
        options["gradient_dtype"] = problem.gradient_dtype
    if rng.random() < 0.2:
        options["contract"] = "1"
    return options


def query_text(options, rng):
    """?name=value&..., percent-encoded now more, now less."""
    if not options:
        return rng.choice(("", "", "?"))
    safe = rng.choice(("", ",", ",+"))
    return "?" + "&".join(f"{k}={urllib.parse.quote(v, safe=safe)}" for k, v in options.items())


def build(problem, plan, rng):
    """A Request for the problem, as the plan has it."""
    options = option_texts(problem, rng)
    in_query = rng.choice((0, 0, 0, 0.5, 1))
    query = {k: v for k, v in options.items() if rng.random() < in_query and len(v) < 300}
    rest = {k: v for k, v in options.items() if k not in query}
    if plan.form == "safetensors":
        body, forms = safetensors_body(problem, rest, rng)
        types = (SAFETENSORS_TYPE, SAFETENSORS_TYPE, "application/octet-stream", None, "application/x-www-form-urlencoded")
    else:
        body, forms = json_body(problem, plan, rest, rng)
        types = (JSON_TYPE, JSON_TYPE, "application/json; charset=utf-8", None, "application/x-www-form-urlencoded")
    headers = {"Content-Type": rng.choice(types), "Accept": accept_header(plan.accept, rng)}
    headers = {k: v for k, v in headers.items() if v is not None}
    return Request("/loss" + query_text(query, rng), headers, body, forms)


def accept_header(accept, rng):
    if accept is None:
        return rng.choice((None, None, "*/*"))
    wanted, other = (JSON_TYPE, SAFETENSORS_TYPE) if accept == "json" else (SAFETENSORS_TYPE, JSON_TYPE)
    return rng.choice((wanted, wanted, f"{other};q=0.4, {wanted}", f"text/html, {wanted};q=0.9, */*;q=0.1"))


def pieces(body, rng):
    """The body in chunks of random sizes, some hundreds at most."""
    largest = max(rng.choice((1, 7, 100, 5000, 100000)), len(body) // 300)
    at = 0
    while at < len(body):
        size = rng.randint(1, largest)
        yield body[at:at + size]
        at += size


def answer_order(result):
    """Names of the answer's tensors with their element sizes, in the order of the safetensors layout."""
    names = [("loss", 8)]
    for t in result.terms:
        names += [(f"terms.{t}.loss", 8), (f"terms.{t}.unweighted", 8)]
    names += [(f"gradients.{x}", g.format.size) for x, g in (result.gradients or {}).items()]
    for t, term in result.terms.items():
        names += [(f"terms.{t}.gradients.{x}", g.format.size) for x, g in (term.gradients or {}).items()]
    return [name for name, size in sorted(names, key=lambda item: -item[1])]
