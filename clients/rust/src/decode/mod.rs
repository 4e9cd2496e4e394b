//! Answers to /loss, checked before anything is believed.

mod json;
mod safetensors;

use crate::answer::{Gradient, Loss};
use crate::encode;
use crate::error::Error;
use crate::problem::{Encoding, Problem};
use crate::request::Answer;

/// Why an answer can't be believed.
type Reason = String;

/// The loss that an answer tells, if it is one to this problem.
pub(crate) fn loss(answer: Answer, problem: &Problem) -> Result<Loss, Error> {
    answer.expect(encode::media_type(problem.encoding))?;
    let read = match problem.encoding {
        Encoding::Json => json::read(&answer),
        Encoding::Safetensors => safetensors::read(&answer),
    };
    let checked = read.and_then(|loss| check(&loss, problem).map(|()| loss));
    checked.map_err(|reason| Error::unexpected_answer(&answer, reason))
}

/// That each gradient is as large as its tensor: code that walks both may rely on it.
fn check(loss: &Loss, problem: &Problem) -> Result<(), Reason> {
    let of_terms = loss.terms.iter().flat_map(|(_, term)| term.gradients.iter());
    for (name, gradient) in loss.gradients.iter().chain(of_terms) {
        check_gradient(name, gradient, problem)?;
    }
    Ok(())
}

fn check_gradient(name: &str, gradient: &Gradient, problem: &Problem) -> Result<(), Reason> {
    let Some(tensor) = problem.find(name) else {
        return Err(format!("a gradient of {name}, which was not sent"));
    };
    let dtype = problem.gradient_dtype.unwrap_or(tensor.dtype());
    if gradient.dtype() != dtype || gradient.shape() != tensor.shape() {
        let (found, shape) = (gradient.dtype(), gradient.shape());
        return Err(format!("a gradient of {name} that is {found} {shape:?}, not {dtype} {:?}", tensor.shape()));
    }
    Ok(())
}
