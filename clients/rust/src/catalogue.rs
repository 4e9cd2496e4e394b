use serde::Deserialize;
use serde_json::{Map, Value};

/// The answer of GET /terms.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Catalogue {
    /// The version of the definitions.
    pub contract: u32,
    /// The version of the daemon.
    pub version: String,
    /// The terms, in the order of answers.
    pub terms: Vec<TermDefinition>,
}

/// A term as it is defined.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct TermDefinition {
    /// Its name, as `fr_sd`.
    pub name: String,
    /// The name of its weight, as `lambda_fr_sd`.
    pub lambda: String,
    /// What it is.
    pub title: String,
    /// The tensors that it needs.
    pub tensors: Vec<String>,
    /// Its value.
    pub formula: Formula,
    /// Its gradient.
    pub gradient: Formula,
    /// What holds at the borders.
    #[serde(default)]
    pub conventions: Vec<String>,
}

/// A formula, twice.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Formula {
    /// As LaTeX.
    pub latex: String,
    /// As MathML.
    pub mathml: String,
}

/// The answer of GET /version.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Version {
    /// The version of the daemon.
    pub version: String,
    /// What it was built from.
    pub commit: String,
    /// The version of the definitions.
    pub contract: u32,
    /// The variant of the kernel, as `avx512`.
    pub kernel: String,
    /// The digest of the conformance vectors that it has built in.
    pub vectors_sha256: String,
    /// The limits as configured, as `max_body`.
    pub limits: Map<String, Value>,
}

/// The answer of GET /vectors.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct VectorList {
    /// The version of the definitions.
    pub contract: u32,
    /// The digest of all vectors.
    pub sha256: String,
    /// How many there are.
    pub count: usize,
    /// What is in them.
    pub vectors: Vec<VectorSummary>,
}

/// A conformance vector, in short.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct VectorSummary {
    /// Its name, for [`Client::vector`](crate::Client::vector).
    pub id: String,
    /// The term, or the matter, that it is about.
    pub group: String,
    /// `valid` or `invalid`.
    pub result: String,
    /// What is to be seen in it.
    pub comment: String,
    /// What it tries.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Where it is.
    pub url: String,
}
