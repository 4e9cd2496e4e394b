use serde::Deserialize;

use crate::named::Named;
use crate::number;
use crate::tensor::Dtype;

/// What [`Client::validate`](crate::Client::validate) says of some claims.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// `Some(true)` if all claims pass, `Some(false)` if any fails, else `None`.
    pub valid: Option<bool>,
    /// The version of the definitions.
    pub contract: u32,
    /// The version of the daemon.
    pub version: String,
    /// The digest of what was judged.
    pub inputs_sha256: String,
    /// The loosest tolerance of all claims.
    pub tolerance: Tolerance,
    /// The claims by dotted path: `loss`, `terms.fr.loss`, `terms.fr.unweighted`, `gradients.fr`, `terms.fr.gradients.fr`.
    pub claims: Named<Claim>,
}

/// By what a claim was judged: `rtol` and `atol`, or `ulps`.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Tolerance {
    /// Whose default tolerance, whose ulps.
    pub dtype: Dtype,
    /// Relative to the right value.
    #[serde(default, deserialize_with = "number::optional")]
    pub rtol: Option<f64>,
    /// Absolute.
    #[serde(default, deserialize_with = "number::optional")]
    pub atol: Option<f64>,
    /// Units of the last place at the right value.
    #[serde(default, deserialize_with = "number::optional")]
    pub ulps: Option<f64>,
    /// Of the report's: where it comes from.
    pub source: Option<String>,
}

/// How a claim was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is right.
    Pass,
    /// It is wrong.
    Fail,
    /// Only the absolute tolerance excuses it.
    Inconclusive,
}

/// One claim, judged.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Claim {
    /// Whether it is right.
    pub verdict: Verdict,
    /// Of a number: what was claimed.
    #[serde(default, deserialize_with = "number::optional")]
    pub claimed: Option<f64>,
    /// The same as a hexadecimal float.
    pub claimed_hex: Option<String>,
    /// Of a number: what is right.
    #[serde(default, deserialize_with = "number::optional")]
    pub canonical: Option<f64>,
    /// The same as a hexadecimal float.
    pub canonical_hex: Option<String>,
    /// By what it was judged.
    pub tolerance: Tolerance,
    /// The largest differences.
    pub largest: Option<Largest>,
    /// The first element out of tolerance.
    pub first_mismatch: Option<Difference>,
    /// How many elements are out of tolerance.
    pub mismatched: u64,
    /// How many elements there are.
    pub elements: u64,
    /// How many of the claimed elements are not finite.
    pub nonfinite: u64,
    /// Of a gradient: the cosine of the angle to the right one; NaN if either is all zeros.
    #[serde(default, deserialize_with = "number::optional")]
    pub cosine: Option<f64>,
    /// Of a gradient: the factor by which the right one comes nearest to it.
    #[serde(default, deserialize_with = "number::optional")]
    pub scale: Option<f64>,
    /// Of a failed claim: the other definitions that it fits, best first.
    #[serde(default)]
    pub diagnosis: Vec<Diagnosis>,
}

/// The largest difference of each kind.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Largest {
    /// |claimed − right|.
    pub absolute: Option<Difference>,
    /// Relative to the right value.
    pub relative: Option<Difference>,
    /// In units of the last place.
    pub ulps: Option<Difference>,
}

/// A difference, and where it is.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// How large it is.
    #[serde(deserialize_with = "number::number")]
    pub difference: f64,
    /// The element's index along each axis; empty for a number.
    #[serde(default)]
    pub index: Vec<usize>,
    /// Of a gradient: what was claimed there.
    #[serde(default, deserialize_with = "number::optional")]
    pub claimed: Option<f64>,
    /// Of a gradient: what is right there.
    #[serde(default, deserialize_with = "number::optional")]
    pub canonical: Option<f64>,
}

/// Another definition that a failed claim fits.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Its stable name, as `sample-sd`.
    pub id: String,
    /// What was computed instead.
    pub title: String,
    /// How the claim follows from the right value.
    #[serde(default)]
    pub relation: String,
    /// What to write instead, in PyTorch, JAX and numpy.
    #[serde(default)]
    pub fix: String,
    /// What that definition gives; of a gradient the factor.
    #[serde(default, deserialize_with = "number::optional")]
    pub value: Option<f64>,
    /// The published packages that compute it so.
    #[serde(default)]
    pub releases: Vec<String>,
    /// Whether the tolerance is so coarse that it may be chance.
    #[serde(default)]
    pub weak: bool,
}
