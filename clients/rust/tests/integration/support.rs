//! What the tests share.

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};

use rnnloss::{Client, ClientBuilder, Problem, Tensor};

/// A variable of the test's environment.
pub fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/clients/run build rust"))
}

/// Settings of a client of the daemon that anybody may call.
pub fn builder() -> ClientBuilder {
    Client::builder().endpoint(variable("RNNLOSS_TEST_URL"))
}

pub fn client() -> Client {
    builder().build().unwrap()
}

/// A request id that nobody has used yet.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{:016x}", RandomState::new().build_hasher().finish())
}

/// Four rates of which all is known: the loss is 7.5.
pub const RATES: [f32; 4] = [1.0, 2.0, 3.0, 4.0];

pub fn rates<'a>() -> Problem<'a> {
    Problem::new().lambda("lambda_fr", 1.0).tensor("fr", Tensor::new(&RATES, &[1, 1, 4]))
}
