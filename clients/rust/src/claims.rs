use std::borrow::Cow;

use crate::tensor::{Dtype, Tensor};

/// What a worker got, to be judged by [`Client::validate`](crate::Client::validate), and by which tolerance.
///
/// ```
/// use rnnloss::{Claims, Dtype, Tensor};
///
/// let gradient = [0.05_f32, -0.05];
/// let claims = Claims::new()
///     .term("fr_sd", 0.0175)
///     .gradient("pred", Tensor::new(&gradient, &[1, 1, 2]))
///     .tolerance_dtype(Dtype::F32);
/// # let _ = claims;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Claims<'a> {
    pub(crate) claimed: Vec<(Place<'a>, Claimed<'a>)>,
    pub(crate) rtol: Option<f64>,
    pub(crate) atol: Option<f64>,
    pub(crate) ulps: Option<f64>,
    pub(crate) dtype: Option<Dtype>,
}

/// What a claim is about.
#[derive(Clone, Debug)]
pub(crate) enum Place<'a> {
    Loss,
    TermLoss(Cow<'a, str>),
    TermUnweighted(Cow<'a, str>),
    Gradient(Cow<'a, str>),
    TermGradient(Cow<'a, str>, Cow<'a, str>),
}

impl Place<'_> {
    /// The dotted path, as the report has it.
    pub(crate) fn path(&self) -> String {
        match self {
            Place::Loss => "loss".to_owned(),
            Place::TermLoss(term) => format!("terms.{term}.loss"),
            Place::TermUnweighted(term) => format!("terms.{term}.unweighted"),
            Place::Gradient(tensor) => format!("gradients.{tensor}"),
            Place::TermGradient(term, tensor) => format!("terms.{term}.gradients.{tensor}"),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Claimed<'a> {
    Number(f64),
    Tensor(Tensor<'a>),
}

impl<'a> Claims<'a> {
    /// No claim yet; at least one is needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// The total loss.
    pub fn loss(self, value: f64) -> Self {
        self.with(Place::Loss, Claimed::Number(value))
    }

    /// The loss of a term, its λ included.
    pub fn term(self, term: impl Into<Cow<'a, str>>, value: f64) -> Self {
        self.with(Place::TermLoss(term.into()), Claimed::Number(value))
    }

    /// The value of a term without its λ.
    pub fn unweighted(self, term: impl Into<Cow<'a, str>>, value: f64) -> Self {
        self.with(Place::TermUnweighted(term.into()), Claimed::Number(value))
    }

    /// The gradient of the total by a tensor, of the tensor's shape.
    pub fn gradient(self, tensor: impl Into<Cow<'a, str>>, gradient: Tensor<'a>) -> Self {
        self.with(Place::Gradient(tensor.into()), Claimed::Tensor(gradient))
    }

    /// The gradient of a term by a tensor, of the tensor's shape.
    pub fn term_gradient(
        self,
        term: impl Into<Cow<'a, str>>,
        tensor: impl Into<Cow<'a, str>>,
        gradient: Tensor<'a>,
    ) -> Self {
        let place = Place::TermGradient(term.into(), tensor.into());
        self.with(place, Claimed::Tensor(gradient))
    }

    /// The relative tolerance; by default that of the tolerance's dtype.
    pub fn rtol(mut self, rtol: f64) -> Self {
        self.rtol = Some(rtol);
        self
    }

    /// The absolute tolerance; by default that of the tolerance's dtype.
    pub fn atol(mut self, atol: f64) -> Self {
        self.atol = Some(atol);
        self
    }

    /// The tolerance in units of the last place, in place of the other two.
    pub fn ulps(mut self, ulps: f64) -> Self {
        self.ulps = Some(ulps);
        self
    }

    /// Whose default tolerance, whose ulps; by default the loosest dtype among the claim's own (F64 of a number) and
    /// those of the tensors that it depends on.
    pub fn tolerance_dtype(mut self, dtype: Dtype) -> Self {
        self.dtype = Some(dtype);
        self
    }

    fn with(mut self, place: Place<'a>, claimed: Claimed<'a>) -> Self {
        self.claimed.push((place, claimed));
        self
    }
}
