"""The report of /validate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Optional

from ._json import decode_number
from ._loss import _BROKEN
from ._transport import Answer


@dataclass(frozen=True)
class Difference:
    """Where a claim and the right value differ.

    Attributes:
        difference: how much.
        index: the element; () of a number.
        claimed, canonical: of a gradient, both values there.

    """

    difference: float
    index: tuple[int, ...]
    claimed: Optional[float] = None
    canonical: Optional[float] = None


@dataclass(frozen=True)
class Diagnosis:
    """A definition that a failed claim fits.

    Attributes:
        id: its name, as ``sample-sd``.
        title: what was computed instead.
        relation: how the claim follows from the right value.
        fix: for PyTorch, JAX, numpy.
        value: what that definition gives; of a gradient the factor.
        releases: the published packages that compute the term so.
        weak: whether the tolerance is so coarse that chance may explain it.

    """

    id: str
    title: str
    relation: str = ""
    fix: str = ""
    value: Optional[float] = None
    releases: tuple[str, ...] = ()
    weak: bool = False


@dataclass(frozen=True)
class Claim:
    """What became of one claim.

    Attributes:
        path: what it is about, as ``terms.fr.loss`` or ``gradients.fr``.
        verdict: ``pass``, ``fail`` or ``inconclusive``.
        claimed, canonical: of a number, both values.
        tolerance: by which it was judged.
        largest: the largest differences: ``absolute``, ``relative``, ``ulps``.
        first_mismatch: the first element out of tolerance, if any is.
        mismatched, elements, nonfinite: how many elements are out of tolerance, there, claimed and not finite.
        cosine, scale: of a gradient, of the angle between claim and right value, and the factor that fits best.
        diagnosis: the other definitions that a failed claim fits, best first.

    """

    path: str
    verdict: str
    claimed: Optional[float]
    canonical: Optional[float]
    tolerance: Mapping[str, Any]
    largest: Mapping[str, Difference]
    first_mismatch: Optional[Difference]
    mismatched: int
    elements: int
    nonfinite: int
    cosine: Optional[float]
    scale: Optional[float]
    diagnosis: tuple[Diagnosis, ...]

    def lines(self) -> Iterator[str]:
        """The verdict for people."""
        if self.canonical is not None:
            found = f"claimed {self.claimed!r}, canonical {self.canonical!r}"
        else:
            found = f"{self.mismatched} of {self.elements} mismatched, cosine {self.cosine}, scale {self.scale}"
        yield f"{self.verdict:13} {self.path:24} {found}"
        for diagnosis in self.diagnosis:
            releases = f" (as in {', '.join(diagnosis.releases)})" if diagnosis.releases else ""
            yield f"    {diagnosis.id}: {diagnosis.title}{releases}{', perhaps by chance' if diagnosis.weak else ''}"
            if diagnosis.relation:
                yield f"        {diagnosis.relation}"
            if diagnosis.fix:
                yield f"        fix: {diagnosis.fix}"


@dataclass(frozen=True)
class Report:
    """Whether claims are right, and if not, what was computed instead. True if all of them pass.

    Attributes:
        valid: True if all claims pass, False if any fails, else None.
        claims: by dotted path.
        tolerance: `dtype`, `rtol` and `atol`, or `ulps`, and their `source`.
        contract, version: by which definitions, and by which daemon.
        inputs_sha256: what was judged, for the record.
        request_id: to look the request up in the daemon's log.
        raw: the whole report as it came, with what this class has no member for.

    """

    valid: Optional[bool]
    claims: Mapping[str, Claim]
    tolerance: Mapping[str, Any]
    contract: int
    version: str
    inputs_sha256: str
    request_id: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.valid is True

    def __str__(self) -> str:
        words = {True: "valid", False: "not valid", None: "inconclusive"}
        return "\n".join([words[self.valid], *(line for claim in self.claims.values() for line in claim.lines())])


def read(answer: Answer) -> Report:
    """The report of an answer; Error (`unexpected-answer`) if it is none."""
    raw = answer.json()
    try:
        claims = {path: _claim(path, claim) for path, claim in raw["claims"].items()}
        valid = raw["valid"]
        if valid not in (True, False, None):
            raise ValueError(f"valid is {valid!r}")
        return Report(valid, claims, dict(raw["tolerance"]), int(raw["contract"]), str(raw["version"]),
                      str(raw["inputs_sha256"]), answer.request_id, raw)  # fmt: skip
    except _BROKEN as error:
        raise answer.unexpected(f"the report cannot be read ({type(error).__name__}: {error})") from error


def _claim(path: str, raw: Mapping[str, Any]) -> Claim:
    mismatch = raw.get("first_mismatch")
    return Claim(
        path=path,
        verdict=str(raw["verdict"]),
        claimed=_number(raw, "claimed"),
        canonical=_number(raw, "canonical"),
        tolerance=dict(raw["tolerance"]),
        largest={kind: _difference(value) for kind, value in raw["largest"].items()},
        first_mismatch=None if mismatch is None else _difference(mismatch),
        mismatched=int(raw["mismatched"]),
        elements=int(raw["elements"]),
        nonfinite=int(raw["nonfinite"]),
        cosine=_number(raw, "cosine"),
        scale=_number(raw, "scale"),
        diagnosis=tuple(_diagnosis(entry) for entry in raw.get("diagnosis", [])),
    )


def _difference(raw: Mapping[str, Any]) -> Difference:
    index = tuple(int(i) for i in raw["index"])
    return Difference(decode_number(raw["difference"]), index, _number(raw, "claimed"), _number(raw, "canonical"))


def _diagnosis(raw: Mapping[str, Any]) -> Diagnosis:
    return Diagnosis(
        id=str(raw["id"]),
        title=str(raw["title"]),
        relation=str(raw.get("relation", "")),
        fix=str(raw.get("fix", "")),
        value=_number(raw, "value"),
        releases=tuple(str(release) for release in raw.get("releases", [])),
        weak=bool(raw.get("weak", False)),
    )


def _number(raw: Mapping[str, Any], name: str) -> Optional[float]:
    value = raw.get(name)
    return None if value is None else decode_number(value)
