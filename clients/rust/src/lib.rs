#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("tensors go over the wire as they lie in memory, little-endian");

mod answer;
mod buffer;
mod catalogue;
mod claims;
mod client;
mod decode;
mod encode;
mod endpoint;
mod error;
mod health;
mod named;
mod number;
mod problem;
mod random;
mod report;
mod request;
mod retry;
mod settings;
mod tensor;
mod transport;

pub use answer::{Gradient, Loss, Term};
pub use catalogue::{Catalogue, Formula, TermDefinition, VectorList, VectorSummary, Version};
pub use claims::Claims;
pub use client::Client;
pub use error::Error;
pub use half::{bf16, f16};
pub use health::Health;
pub use named::Named;
pub use problem::{Encoding, Gradients, Nonfinite, Problem};
pub use report::{Claim, Diagnosis, Difference, Largest, Report, Tolerance, Verdict};
pub use request::{Answer, Request};
pub use settings::ClientBuilder;
pub use tensor::{Dtype, Element, Tensor};
