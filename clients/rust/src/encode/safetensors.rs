use std::borrow::Cow;

use super::{quoted, Parts};
use crate::claims::{Claimed, Claims};
use crate::problem::Problem;
use crate::tensor::{Dtype, Tensor};

pub(super) fn body<'a>(problem: &'a Problem<'a>, claims: Option<&'a Claims<'a>>) -> Parts<'a> {
    let mut file = File::default();
    options(&mut file, problem);
    for (name, tensor) in &problem.tensors {
        file.tensor(name, tensor);
    }
    if let Some(claims) = claims {
        add(&mut file, claims);
    }
    file.finish()
}

/// Weights and options, which metadata has as strings.
fn options(file: &mut File, problem: &Problem) {
    for (name, value) in &problem.lambdas {
        file.number(name, *value);
    }
    if let Some(gradients) = problem.gradients {
        file.metadata("gradients", gradients.name());
    }
    if let Some(names) = &problem.wrt {
        file.metadata("wrt", &names.join(","));
    }
    if let Some(dtype) = problem.gradient_dtype {
        file.metadata("gradient_dtype", dtype.name());
    }
    if let Some(nonfinite) = problem.nonfinite {
        file.metadata("nonfinite", nonfinite.name());
    }
    if let Some(version) = problem.contract {
        file.metadata("contract", &version.to_string());
    }
    if problem.digest {
        file.metadata("digest", "1");
    }
}

fn add<'a>(file: &mut File<'a>, claims: &'a Claims<'a>) {
    for (name, value) in [("rtol", claims.rtol), ("atol", claims.atol), ("ulps", claims.ulps)] {
        if let Some(value) = value {
            file.number(name, value);
        }
    }
    if let Some(dtype) = claims.dtype {
        file.metadata("tolerance_dtype", dtype.name());
    }
    for (place, claimed) in &claims.claimed {
        let name = format!("claims.{}", place.path());
        match claimed {
            Claimed::Number(value) => file.scalar(&name, *value),
            Claimed::Tensor(tensor) => file.tensor(&name, tensor),
        }
    }
}

/// A file that is put together: its header as text, the data in pieces.
#[derive(Default)]
struct File<'a> {
    metadata: Vec<String>,
    entries: Vec<String>,
    parts: Parts<'a>,
    size: usize,
}

impl<'a> File<'a> {
    fn metadata(&mut self, key: &str, value: &str) {
        self.metadata.push(format!("{}:{}", quoted(key), quoted(value)));
    }

    fn number(&mut self, key: &str, value: f64) {
        // Without JSON's quotes: what isn't finite is refused there, too.
        let text = super::number(value);
        self.metadata(key, text.trim_matches('"'));
    }

    fn tensor(&mut self, name: &str, tensor: &Tensor<'a>) {
        self.entry(name, tensor.dtype(), tensor.shape(), Cow::Borrowed(tensor.bytes()));
    }

    fn scalar(&mut self, name: &str, value: f64) {
        self.entry(name, Dtype::F64, &[], Cow::Owned(value.to_le_bytes().to_vec()));
    }

    fn entry(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: Cow<'a, [u8]>) {
        let begin = self.size;
        self.size += bytes.len();
        self.entries.push(format!(
            r#"{}:{{"dtype":"{dtype}","shape":{},"data_offsets":[{begin},{}]}}"#,
            quoted(name),
            super::json::list(shape),
            self.size
        ));
        self.parts.push(bytes);
    }

    fn finish(self) -> Parts<'a> {
        let mut members = vec![format!(r#""__metadata__":{{{}}}"#, self.metadata.join(","))];
        members.extend(self.entries);
        let mut header = format!("{{{}}}", members.join(",")).into_bytes();
        // Padding puts the data at a multiple of eight bytes.
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.append(&mut header);
        let mut parts = vec![Cow::Owned(file)];
        parts.extend(self.parts);
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_comes_first_and_tensors_are_borrowed() {
        let fr = [1.0_f32, 2.0];
        let problem = Problem::new().lambda("lambda_fr", 1.0).tensor("fr", Tensor::new(&fr, &[1, 2])).wrt(["fr"]);
        let claims = Claims::new().term("fr", 2.5).ulps(4.0);
        let parts = body(&problem, Some(&claims));
        let (length, header) = parts[0].split_at(8);
        assert_eq!(u64::from_le_bytes(length.try_into().unwrap()) as usize, header.len());
        assert_eq!(header.len() % 8, 0);
        assert_eq!(
            String::from_utf8_lossy(header).trim_end(),
            r#"{"__metadata__":{"lambda_fr":"1.0","wrt":"fr","ulps":"4.0"},"fr":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"claims.terms.fr.loss":{"dtype":"F64","shape":[],"data_offsets":[8,16]}}"#
        );
        assert_eq!(parts[1].as_ptr(), fr.as_ptr().cast());
        assert_eq!(parts[2], 2.5_f64.to_le_bytes().to_vec());
    }
}
