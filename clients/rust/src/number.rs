//! Numbers as JSON has them here: those that are not finite are strings.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A double that was read exactly.
#[derive(Clone, Copy)]
pub(crate) struct Number(pub f64);

/// What a string stands for, where a number is meant.
pub(crate) fn nonfinite(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                let value = nonfinite(text).ok_or_else(|| E::custom(format!("{text:?} is no number")))?;
                Ok(Number(value))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// For `#[serde(deserialize_with)]`: a number.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Number::deserialize(deserializer).map(|number| number.0)
}

/// For `#[serde(deserialize_with)]`: a number that may be absent or null.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::<Number>::deserialize(deserializer).map(|number| number.map(|number| number.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_strings_are_not_finite() {
        let read = |text: &str| serde_json::from_str::<Number>(text).map(|number| number.0);
        assert_eq!(read("0.02118034013739902").unwrap().to_bits(), 0.02118034013739902_f64.to_bits());
        assert_eq!(read("-0.0").unwrap().to_bits(), (-0.0_f64).to_bits());
        assert_eq!(read("5e-324").unwrap().to_bits(), 1);
        assert_eq!(read("7").unwrap(), 7.0);
        assert!(read("\"NaN\"").unwrap().is_nan());
        assert_eq!(read("\"-Infinity\"").unwrap(), f64::NEG_INFINITY);
        assert!(read("\"nan\"").is_err() && read("null").is_err() && read("1e999").is_err());
    }
}
