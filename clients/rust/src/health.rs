use std::fmt;

use serde::Deserialize;

use crate::endpoint::{Call, Endpoint};
use crate::error::Error;

/// Whether a daemon takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It takes requests.
    Ready,
    /// It is about to end.
    Draining,
    /// Its self-test has failed: values may be wrong.
    NotReady,
    /// There is no answer, or none of a rnnlossd.
    Unreachable,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Ready => "ready",
            Health::Draining => "draining",
            Health::NotReady => "not-ready",
            Health::Unreachable => "unreachable",
        })
    }
}

/// What an endpoint says to a GET of /readyz, once.
pub(crate) fn of(endpoint: &Endpoint, call: &Call) -> Health {
    #[derive(Deserialize)]
    struct Status {
        status: String,
    }
    let Ok(answer) = endpoint.send(call) else {
        return Health::Unreachable;
    };
    if answer.status == 200 {
        let status = answer.json::<Status>("application/json").map(|answer| answer.status);
        return if status.is_ok_and(|status| status == "ready") { Health::Ready } else { Health::Unreachable };
    }
    match Error::problem(&answer).kind() {
        "draining" => Health::Draining,
        "not-ready" => Health::NotReady,
        _ => Health::Unreachable,
    }
}
