use std::str::FromStr;
use std::sync::Arc;

use half::{bf16, f16};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Reason;
use crate::answer::{Gradient, Loss, Term};
use crate::buffer::Buffer;
use crate::named::Named;
use crate::number;
use crate::request::Answer;
use crate::tensor::Dtype;

#[derive(Deserialize)]
struct LossText<'a> {
    #[serde(deserialize_with = "number::number")]
    loss: f64,
    #[serde(borrow)]
    terms: Named<TermText<'a>>,
    #[serde(borrow, default)]
    gradients: Named<GradientText<'a>>,
    unused: Vec<String>,
    warnings: Vec<String>,
    contract: u32,
    inputs_sha256: Option<String>,
}

#[derive(Deserialize)]
struct TermText<'a> {
    #[serde(deserialize_with = "number::number")]
    lambda: f64,
    #[serde(deserialize_with = "number::number")]
    loss: f64,
    #[serde(deserialize_with = "number::number")]
    unweighted: f64,
    #[serde(borrow, default)]
    gradients: Named<GradientText<'a>>,
}

/// A gradient whose elements are still text: a decimal must be rounded once, to the dtype.
#[derive(Deserialize)]
struct GradientText<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

pub(super) fn read(answer: &Answer) -> Result<Loss, Reason> {
    let text: LossText = serde_json::from_slice(answer.bytes()).map_err(|error| error.to_string())?;
    Ok(Loss {
        loss: text.loss,
        terms: text.terms.try_map(|_, text| term(text))?,
        gradients: text.gradients.try_map(gradient)?,
        unused: text.unused,
        warnings: text.warnings,
        contract: text.contract,
        inputs_sha256: text.inputs_sha256,
        request_id: answer.request_id().to_owned(),
    })
}

fn term(text: TermText) -> Result<Term, Reason> {
    let gradients = text.gradients.try_map(gradient)?;
    Ok(Term { lambda: text.lambda, loss: text.loss, unweighted: text.unweighted, gradients })
}

fn gradient(name: &str, text: GradientText) -> Result<Gradient, Reason> {
    let bytes = match text.dtype {
        Dtype::F16 => elements(&text.data, |double| f16::from_f64(double).to_le_bytes(), str::parse),
        Dtype::Bf16 => elements(&text.data, |double| bf16::from_f64(double).to_le_bytes(), str::parse),
        Dtype::F32 => elements(&text.data, f32::to_le_bytes, str::parse),
        Dtype::F64 => elements(&text.data, f64::to_le_bytes, str::parse),
    }?;
    if text.dtype.bytes_of(&text.shape) != Some(bytes.len()) {
        return Err(format!("a gradient of {name} that does not fill its shape"));
    }
    let buffer = Arc::new(Buffer::copy(&bytes));
    Gradient::new(text.dtype, text.shape, &buffer, 0..bytes.len()).ok_or_else(|| "no gradient".to_owned())
}

/// The bytes of the elements, each read as `D` and put into `N` bytes.
fn elements<D: FromStr, const N: usize>(
    data: &[&RawValue],
    bytes: impl Fn(D) -> [u8; N],
    parse: impl Fn(&str) -> Result<D, D::Err>,
) -> Result<Vec<u8>, Reason> {
    let mut all = Vec::with_capacity(N * data.len());
    for raw in data {
        let text = decimal(raw.get()).ok_or_else(|| format!("{} is no number", raw.get()))?;
        let element = parse(text).map_err(|_| format!("{text} is no number"))?;
        all.extend_from_slice(&bytes(element));
    }
    Ok(all)
}

/// What Rust's parsers, which round correctly, take for a JSON number or one of the three strings.
fn decimal(raw: &str) -> Option<&str> {
    match raw {
        "\"NaN\"" => Some("NaN"),
        "\"Infinity\"" => Some("inf"),
        "\"-Infinity\"" => Some("-inf"),
        _ => raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then_some(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(dtype: &str, text: &str) -> Result<Vec<u8>, Reason> {
        let json = format!(r#"{{"data":[{text}],"shape":[1],"dtype":"{dtype}"}}"#);
        let text = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        gradient("fr", text).map(|gradient| gradient.bytes().to_vec())
    }

    /// The decimal with the fewest digits that is nearest to this value among its neighbours.
    fn shortest(value: f64, fits: impl Fn(f64) -> bool) -> String {
        let texts = (0..20).map(|digits| format!("{value:.digits$e}"));
        texts.into_iter().find(|text| fits(text.parse().unwrap())).unwrap()
    }

    #[test]
    fn every_half_reads_back() {
        for bits in (0..=u16::MAX).filter(|&bits| f16::from_bits(bits).is_finite()) {
            let value = f16::from_bits(bits).to_f64();
            // Half a unit of the last place to either side, exactly, in doubles.
            let (lower, upper) =
                (f16::from_bits(bits - u16::from(bits & 0x7fff > 0)), f16::from_bits((bits + 1).min(0xfbff)));
            let room = |other: f16| (other.to_f64() - value).abs() / 2.0;
            let fits = |decimal: f64| {
                let off = (decimal - value).abs();
                off == 0.0 || (off < room(lower) && off < room(upper))
            };
            let text = shortest(value, fits);
            assert_eq!(read_one("F16", &text).unwrap(), bits.to_le_bytes(), "{text}");
        }
    }

    #[test]
    fn singles_are_rounded_once() {
        // Just above the middle between 1 and the next single: a double in between would hide that.
        let read = read_one("F32", "1.00000005960464477539062500001").unwrap();
        assert_eq!(read, 0x3f80_0001_u32.to_le_bytes());
        assert_eq!(read_one("F32", "-0.0").unwrap(), 0x8000_0000_u32.to_le_bytes());
    }

    #[test]
    fn what_is_not_finite_is_a_string() {
        assert_eq!(read_one("BF16", "\"-Infinity\"").unwrap(), 0xff80_u16.to_le_bytes());
        assert_eq!(read_one("F16", "\"NaN\"").unwrap(), 0x7e00_u16.to_le_bytes());
        assert_eq!(read_one("F32", "\"NaN\"").unwrap(), 0x7fc0_0000_u32.to_le_bytes());
        assert_eq!(read_one("F64", "\"NaN\"").unwrap(), 0x7ff8_0000_0000_0000_u64.to_le_bytes());
    }

    #[test]
    fn nothing_else_is_a_number() {
        for text in ["\"inf\"", "\"1\"", "null", "[1]", "{}", "true", "1,2", ""] {
            assert!(read_one("F32", text).is_err(), "{text}");
        }
        assert!(read_one("I64", "1").is_err());
    }
}
