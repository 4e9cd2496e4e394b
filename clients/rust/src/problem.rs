use std::borrow::Cow;

use crate::tensor::{Dtype, Tensor};

/// How a request goes over the wire. The answers have the same bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Tensors as they lie in memory.
    #[default]
    Safetensors,
    /// Text, for people: numbers as the shortest decimals that read back to the same bits. A NaN keeps no payload.
    Json,
}

/// Which gradients are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gradients {
    /// Those of the total loss: the daemon's default.
    Total,
    /// Each term's own, too.
    PerTerm,
    /// None: values alone.
    None,
}

impl Gradients {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Gradients::Total => "total",
            Gradients::PerTerm => "per_term",
            Gradients::None => "none",
        }
    }
}

/// What becomes of a NaN or an infinity in a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nonfinite {
    /// It is refused, with its place: the daemon's default.
    Error,
    /// It goes on into values and gradients.
    Propagate,
}

impl Nonfinite {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Nonfinite::Error => "error",
            Nonfinite::Propagate => "propagate",
        }
    }
}

/// Weights, tensors and options: what a loss is asked of.
///
/// Nothing is checked here, everything by the daemon; tensors are borrowed, not copied.
///
/// ```
/// use rnnloss::{Gradients, Problem, Tensor};
///
/// let fr = [0.1_f32, 0.2, 0.3, 0.4];
/// let problem = Problem::new()
///     .lambda("lambda_fr", 0.5)
///     .lambda("lambda_fr_sd", 0.1)
///     .tensor("fr", Tensor::new(&fr, &[1, 1, 4]))
///     .gradients(Gradients::PerTerm);
/// # let _ = problem;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Problem<'a> {
    pub(crate) lambdas: Vec<(Cow<'a, str>, f64)>,
    pub(crate) tensors: Vec<(Cow<'a, str>, Tensor<'a>)>,
    pub(crate) gradients: Option<Gradients>,
    pub(crate) wrt: Option<Vec<Cow<'a, str>>>,
    pub(crate) gradient_dtype: Option<Dtype>,
    pub(crate) nonfinite: Option<Nonfinite>,
    pub(crate) contract: Option<u32>,
    pub(crate) digest: bool,
    pub(crate) encoding: Encoding,
    pub(crate) request_id: Option<Cow<'a, str>>,
}

impl<'a> Problem<'a> {
    /// A problem without weights and tensors, whose loss is 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// A weight: `lambda_mse`, `lambda_in`, `lambda_hid`, `lambda_out`, `lambda_fr`, `lambda_fr_sd` or `lambda_fr_cv`.
    /// One that isn't given is 0.
    pub fn lambda(mut self, name: impl Into<Cow<'a, str>>, value: f64) -> Self {
        self.lambdas.push((name.into(), value));
        self
    }

    /// A tensor: `pred` and `target` `[…, N_out]`, `fr` `[…, N_hid]`, `w_in` `[N_hid, N_in]`, `w_hid` `[N_hid, N_hid]` or
    /// `w_out` `[N_out, N_hid]`, each of any dtype.
    pub fn tensor(mut self, name: impl Into<Cow<'a, str>>, tensor: Tensor<'a>) -> Self {
        self.tensors.push((name.into(), tensor));
        self
    }

    /// Which gradients are wanted; by default those of the total.
    pub fn gradients(mut self, gradients: Gradients) -> Self {
        self.gradients = Some(gradients);
        self
    }

    /// The tensors to differentiate by; by default all that are sent and used, but `target`.
    pub fn wrt<N: Into<Cow<'a, str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.wrt = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The dtype of all gradients, F32 or F64; by default each has its tensor's.
    pub fn gradient_dtype(mut self, dtype: Dtype) -> Self {
        self.gradient_dtype = Some(dtype);
        self
    }

    /// What becomes of a NaN or an infinity; by default it is an error.
    pub fn nonfinite(mut self, nonfinite: Nonfinite) -> Self {
        self.nonfinite = Some(nonfinite);
        self
    }

    /// The only version of the definitions to be answered by: 1.
    pub fn contract(mut self, version: u32) -> Self {
        self.contract = Some(version);
        self
    }

    /// Asks for the digest of the inputs: [`Loss::inputs_sha256`](crate::Loss::inputs_sha256).
    pub fn digest(mut self) -> Self {
        self.digest = true;
        self
    }

    /// How it goes over the wire; by default as safetensors.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// The id of the request in the daemon's log, 1 to 64 letters, digits or `-_.:/+=@`; by default a random one.
    pub fn request_id(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Tensor<'a>> {
        let mut tensors = self.tensors.iter();
        tensors.find(|(own, _)| own == name).map(|(_, tensor)| tensor)
    }
}
