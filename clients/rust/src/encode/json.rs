use std::fmt::Write;

use half::{bf16, f16};

use super::{nonfinite, number, quoted};
use crate::claims::{Claimed, Claims, Place};
use crate::problem::Problem;
use crate::tensor::{Dtype, Element, Tensor};

/// The body as text: options before tensors, so that the daemon knows what to compute when it reads those.
pub(super) fn body(problem: &Problem, claims: Option<&Claims>) -> String {
    let mut members = Object::default();
    members.add("lambdas", object(problem.lambdas.iter().map(|(name, value)| (&**name, number(*value)))));
    options(&mut members, problem);
    if let Some(tolerance) = claims.and_then(tolerance) {
        members.add("tolerance", tolerance);
    }
    members.add("tensors", object(problem.tensors.iter().map(|(name, value)| (&**name, tensor(value)))));
    if let Some(claims) = claims {
        members.add("claims", claimed(claims));
    }
    members.finish()
}

fn options(members: &mut Object, problem: &Problem) {
    if let Some(gradients) = problem.gradients {
        members.add("gradients", quoted(gradients.name()));
    }
    if let Some(names) = &problem.wrt {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        members.add("wrt", format!("[{}]", names.join(",")));
    }
    if let Some(dtype) = problem.gradient_dtype {
        members.add("gradient_dtype", quoted(dtype.name()));
    }
    if let Some(nonfinite) = problem.nonfinite {
        members.add("nonfinite", quoted(nonfinite.name()));
    }
    if let Some(version) = problem.contract {
        members.add("contract", version.to_string());
    }
    if problem.digest {
        members.add("digest", "1".to_owned());
    }
}

fn tolerance(claims: &Claims) -> Option<String> {
    let mut members = Object::default();
    for (name, value) in [("rtol", claims.rtol), ("atol", claims.atol), ("ulps", claims.ulps)] {
        if let Some(value) = value {
            members.add(name, number(value));
        }
    }
    if let Some(dtype) = claims.dtype {
        members.add("dtype", quoted(dtype.name()));
    }
    (!members.0.is_empty()).then(|| members.finish())
}

/// Claims, which were made in any order, by term and by tensor.
fn claimed(claims: &Claims) -> String {
    let (mut all, mut terms, mut gradients) = (Object::default(), Groups::default(), Object::default());
    for (place, claimed) in &claims.claimed {
        let value = match claimed {
            Claimed::Number(value) => number(*value),
            Claimed::Tensor(value) => tensor(value),
        };
        match place {
            Place::Loss => all.add("loss", value),
            Place::TermLoss(term) => terms.of(term).0.add("loss", value),
            Place::TermUnweighted(term) => terms.of(term).0.add("unweighted", value),
            Place::Gradient(tensor) => gradients.add(tensor, value),
            Place::TermGradient(term, tensor) => terms.of(term).1.add(tensor, value),
        }
    }
    if !terms.0.is_empty() {
        all.add("terms", terms.finish());
    }
    if !gradients.0.is_empty() {
        all.add("gradients", gradients.finish());
    }
    all.finish()
}

/// By term: its members, and its gradients.
#[derive(Default)]
struct Groups<'a>(Vec<(&'a str, (Object, Object))>);

impl<'a> Groups<'a> {
    fn of(&mut self, term: &'a str) -> &mut (Object, Object) {
        let at = self.0.iter().position(|(name, _)| *name == term).unwrap_or_else(|| {
            self.0.push((term, Default::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    fn finish(self) -> String {
        object(self.0.into_iter().map(|(term, (mut members, gradients))| {
            if !gradients.0.is_empty() {
                members.add("gradients", gradients.finish());
            }
            (term, members.finish())
        }))
    }
}

/// The members of an object, so far.
#[derive(Default)]
struct Object(Vec<String>);

impl Object {
    fn add(&mut self, name: &str, value: String) {
        self.0.push(format!("{}:{value}", quoted(name)));
    }

    fn finish(self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}

fn object<'a>(members: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut object = Object::default();
    members.for_each(|(name, value)| object.add(name, value));
    object.finish()
}

pub(super) fn list(numbers: &[usize]) -> String {
    let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
    format!("[{}]", numbers.join(","))
}

fn tensor(tensor: &Tensor) -> String {
    let mut text = format!(r#"{{"dtype":"{}","shape":{},"data":["#, tensor.dtype(), list(tensor.shape()));
    match tensor.dtype() {
        // Halves are singles, too, and the shortest decimal of a single reads back to the same half.
        Dtype::F16 => elements::<f16, f32>(&mut text, tensor),
        Dtype::Bf16 => elements::<bf16, f32>(&mut text, tensor),
        Dtype::F32 => elements::<f32, f32>(&mut text, tensor),
        Dtype::F64 => elements::<f64, f64>(&mut text, tensor),
    }
    text.push_str("]}");
    text
}

/// The elements, separated by commas, as the shortest decimals of `D`.
fn elements<T, D>(text: &mut String, tensor: &Tensor)
where
    T: Element + Into<D>,
    D: std::fmt::Debug + Copy + Into<f64>,
{
    for (i, element) in tensor.elements::<T>().enumerate() {
        if i > 0 {
            text.push(',');
        }
        let decimal: D = element.into();
        let value: f64 = decimal.into();
        let written =
            if value.is_finite() { write!(text, "{decimal:?}") } else { write!(text, "\"{}\"", nonfinite(value)) };
        written.expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_tensors() {
        let pred = [0.1_f32, f32::NAN];
        let problem = Problem::new()
            .tensor("pred", Tensor::new(&pred, &[2]))
            .lambda("lambda_mse", 0.5)
            .nonfinite(crate::Nonfinite::Propagate)
            .digest();
        assert_eq!(
            body(&problem, None),
            r#"{"lambdas":{"lambda_mse":0.5},"nonfinite":"propagate","digest":1,"tensors":{"pred":{"dtype":"F32","shape":[2],"data":[0.1,"NaN"]}}}"#
        );
    }

    #[test]
    fn claims_are_grouped() {
        let half = [f16::from_f32(0.1), f16::NEG_INFINITY];
        let gradient = Tensor::new(&half, &[2]);
        let claims = Claims::new()
            .term_gradient("fr", "fr", gradient.clone())
            .loss(1.0)
            .term("mse", 2.0)
            .unweighted("fr", 3.0)
            .gradient("fr", gradient)
            .rtol(1e-3);
        let data = r#"{"dtype":"F16","shape":[2],"data":[0.099975586,"-Infinity"]}"#;
        assert_eq!(
            claimed(&claims),
            format!(
                r#"{{"loss":1.0,"terms":{{"fr":{{"unweighted":3.0,"gradients":{{"fr":{data}}}}},"mse":{{"loss":2.0}}}},"gradients":{{"fr":{data}}}}}"#
            )
        );
        assert_eq!(tolerance(&claims).unwrap(), r#"{"rtol":0.001}"#);
        assert!(tolerance(&Claims::new()).is_none());
    }
}
