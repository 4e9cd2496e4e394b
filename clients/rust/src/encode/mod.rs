//! Problems and claims as bodies of requests.

mod json;
mod safetensors;

use std::borrow::Cow;

use crate::claims::Claims;
use crate::problem::{Encoding, Problem};

pub(crate) const JSON: &str = "application/json";
pub(crate) const SAFETENSORS: &str = "application/vnd.safetensors";

/// The bytes of a body, one piece after the other; tensors are borrowed.
pub(crate) type Parts<'a> = Vec<Cow<'a, [u8]>>;

/// The media type of an encoding.
pub(crate) fn media_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => JSON,
        Encoding::Safetensors => SAFETENSORS,
    }
}

/// The body of a request; without claims one to /loss.
pub(crate) fn body<'a>(problem: &'a Problem<'a>, claims: Option<&'a Claims<'a>>) -> Parts<'a> {
    match problem.encoding {
        Encoding::Json => vec![Cow::Owned(json::body(problem, claims).into_bytes())],
        Encoding::Safetensors => safetensors::body(problem, claims),
    }
}

/// A string in JSON's quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The shortest decimal that reads back to the same double, always with a fraction or an exponent; a string where JSON
/// has no number.
fn number(value: f64) -> String {
    if value.is_finite() {
        format!("{value:?}")
    } else {
        quoted(nonfinite(value))
    }
}

fn nonfinite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_typed_and_shortest() {
        let all = [1.0, -0.0, 0.1, 1e22, 5e-324, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let expected = ["1.0", "-0.0", "0.1", "1e22", "5e-324", "\"NaN\"", "\"Infinity\"", "\"-Infinity\""];
        assert_eq!(all.map(number), expected);
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a\"\\\n\u{1}ä"), "\"a\\\"\\\\\\n\\u0001ä\"");
    }
}
