//! Every conformance vector: values and gradients to the bit, in both encodings, and the types of the problems.

use base64::prelude::{Engine, BASE64_STANDARD};
use half::{bf16, f16};
use rnnloss::{Client, Dtype, Encoding, Gradient, Gradients, Loss, Named, Nonfinite, Problem, Request, Tensor};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

use crate::support::client;

#[test]
fn all_vectors() {
    let client = client();
    let list = client.vectors().unwrap();
    for summary in &list.vectors {
        let vector = client.vector(&summary.id).unwrap();
        match summary.result.as_str() {
            "valid" => valid(&client, &summary.id, &vector),
            "invalid" => invalid(&client, &summary.id, &vector),
            other => panic!("{}: {other}?", summary.id),
        }
    }
    assert!(!list.vectors.is_empty(), "no vector was read");
    assert_eq!(list.vectors.len(), list.count);
    println!("conformance: {} vectors", list.vectors.len());
}

fn valid(client: &Client, id: &str, vector: &Value) {
    let tensors: Vec<Given> = members(&vector["tensors"]).map(|(name, tensor)| given(name, tensor)).collect();
    for encoding in [Encoding::Safetensors, Encoding::Json] {
        let loss = client.loss(&problem(vector, &tensors).encoding(encoding));
        let loss = loss.unwrap_or_else(|error| panic!("{id} {encoding:?}: {error}"));
        check(&format!("{id} {encoding:?}"), &loss, vector);
    }
}

fn invalid(client: &Client, id: &str, vector: &Value) {
    let json = vector["json"].as_str().map(|text| ("application/json", text.as_bytes().to_vec()));
    let safetensors = vector["safetensors"].as_str();
    let safetensors = safetensors.map(|text| ("application/vnd.safetensors", BASE64_STANDARD.decode(text).unwrap()));
    let bodies: Vec<_> = json.into_iter().chain(safetensors).collect();
    assert!(!bodies.is_empty(), "{id}: no body");
    for (media_type, body) in bodies {
        let error = client.request(&Request::post("/loss", &body).content_type(media_type)).unwrap_err();
        let expected = &vector["problem"];
        let found = (Some(error.kind()), Some(u64::from(error.status())));
        assert_eq!(found, (expected["type"].as_str(), expected["status"].as_u64()), "{id} {media_type}: {error}");
    }
}

fn problem<'a>(vector: &'a Value, tensors: &'a [Given]) -> Problem<'a> {
    let mut problem = Problem::new();
    for (term, lambda) in members(&vector["lambdas"]) {
        problem = problem.lambda(format!("lambda_{term}"), number(lambda));
    }
    for given in tensors {
        problem = problem.tensor(given.name, Tensor::from_bytes(given.dtype, &given.shape, &given.bytes));
    }
    let options = &vector["options"];
    problem = match options["gradients"].as_str().unwrap() {
        "total" => problem.gradients(Gradients::Total),
        "per_term" => problem.gradients(Gradients::PerTerm),
        _ => problem.gradients(Gradients::None),
    };
    problem = match options["nonfinite"].as_str().unwrap() {
        "error" => problem.nonfinite(Nonfinite::Error),
        _ => problem.nonfinite(Nonfinite::Propagate),
    };
    if let Some(names) = options["wrt"].as_array() {
        problem = problem.wrt(names.iter().map(|name| name.as_str().unwrap()));
    }
    if options["gradient_dtype"].is_string() {
        problem = problem.gradient_dtype(dtype(&options["gradient_dtype"]));
    }
    problem
}

fn check(id: &str, loss: &Loss, vector: &Value) {
    let expected = &vector["expect"];
    same(id, loss.loss, &expected["loss"]);
    assert_eq!(loss.terms.len(), members(&expected["terms"]).count(), "{id}");
    for (name, term) in members(&expected["terms"]) {
        same(id, loss.terms[name].lambda, &vector["lambdas"][name]);
        same(id, loss.terms[name].loss, &term["loss"]);
        same(id, loss.terms[name].unweighted, &term["unweighted"]);
        check_gradients(id, &loss.terms[name].gradients, &term["gradients"]);
    }
    check_gradients(id, &loss.gradients, &expected["gradients"]);
    assert_eq!(names(&expected["unused"]), loss.unused, "{id}");
    assert_eq!(names(&expected["warnings"]), loss.warnings, "{id}");
    assert_eq!(loss.contract, 1, "{id}");
}

fn check_gradients(id: &str, gradients: &Named<Gradient>, expected: &Value) {
    assert_eq!(gradients.len(), members(expected).count(), "{id}");
    for (name, expected) in members(expected) {
        let gradient = &gradients[name];
        assert_eq!(gradient.dtype(), dtype(&expected["dtype"]), "{id}");
        assert_eq!(gradient.shape(), shape(&expected["shape"]), "{id}");
        let size = gradient.dtype().size();
        if expected["bits"].is_array() {
            assert_eq!(hexadecimal(gradient.bytes(), size), names(&expected["bits"]), "{id} {name}");
            continue;
        }
        assert_eq!(sha256(gradient.bytes()), expected["sha256"], "{id} {name}");
        for sample in expected["sample"].as_array().unwrap() {
            let at = sample[0].as_u64().unwrap() as usize * size;
            assert_eq!(
                hexadecimal(&gradient.bytes()[at..at + size], size),
                [sample[1].as_str().unwrap()],
                "{id} {name}"
            );
        }
        assert!(gradient.as_f32().is_some() || gradient.as_f64().is_some() || size == 2, "{id} {name}");
    }
}

/// The same bits; those of the canonical NaN where one is expected.
fn same(id: &str, found: f64, expected: &Value) {
    assert_eq!(found.to_bits(), number(expected).to_bits(), "{id}: {found} in the place of {expected}");
}

/// A tensor of a vector, its elements written out.
struct Given<'a> {
    name: &'a str,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn given<'a>(name: &'a str, tensor: &Value) -> Given<'a> {
    let (dtype, shape) = (dtype(&tensor["dtype"]), shape(&tensor["shape"]));
    let bytes = if tensor["rule"].is_object() {
        let bytes = by_rule(&tensor["rule"], dtype, shape.iter().product());
        assert_eq!(sha256(&bytes), tensor["sha256"]);
        bytes
    } else {
        let bits = names(&tensor["bits"]).into_iter().map(|bits| u64::from_str_radix(bits, 16).unwrap());
        bits.flat_map(|bits| bits.to_le_bytes().into_iter().take(dtype.size())).collect()
    };
    Given { name, dtype, shape, bytes }
}

/// Elements that are given by SplitMix64: see the README of the vectors.
fn by_rule(rule: &Value, dtype: Dtype, count: usize) -> Vec<u8> {
    let part = |name: &str| rule[name].as_i64().unwrap();
    let (seed, bits, subtract, exponent) = (part("seed"), part("bits"), part("subtract"), part("exponent"));
    let element = |i: u64| {
        let integer = (splitmix64(seed as u64, i) >> (64 - bits)) as i64 - subtract;
        integer as f64 * 2_f64.powi(exponent as i32)
    };
    (0..count as u64).flat_map(|i| little_endian(element(i), dtype)).collect()
}

fn splitmix64(seed: u64, i: u64) -> u64 {
    let mut z = seed.wrapping_add((i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn little_endian(element: f64, dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F16 => f16::from_f64(element).to_le_bytes().to_vec(),
        Dtype::Bf16 => bf16::from_f64(element).to_le_bytes().to_vec(),
        Dtype::F32 => (element as f32).to_le_bytes().to_vec(),
        Dtype::F64 => element.to_le_bytes().to_vec(),
    }
}

fn hexadecimal(bytes: &[u8], size: usize) -> Vec<String> {
    let element = |bytes: &[u8]| digits(bytes.iter().rev());
    bytes.chunks(size).map(element).collect()
}

fn digits<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

fn sha256(bytes: &[u8]) -> String {
    digits(Sha256::digest(bytes).iter())
}

fn number(value: &Value) -> f64 {
    value["decimal"].as_str().unwrap().parse().unwrap()
}

fn dtype(value: &Value) -> Dtype {
    let all = [Dtype::F16, Dtype::Bf16, Dtype::F32, Dtype::F64];
    all.into_iter().find(|dtype| value == dtype.name()).unwrap()
}

fn shape(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|axis| axis.as_u64().unwrap() as usize).collect()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
