use std::borrow::Cow;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use ureq::http::HeaderValue;

use crate::answer::Loss;
use crate::catalogue::{Catalogue, VectorList, Version};
use crate::claims::Claims;
use crate::decode;
use crate::encode;
use crate::endpoint::{Call, Deadline};
use crate::error::Error;
use crate::health::{self, Health};
use crate::problem::Problem;
use crate::random;
use crate::report::Report;
use crate::request::{Answer, Request};
use crate::retry::Endpoints;
use crate::settings::ClientBuilder;

/// Asks one or several rnnlossd.
///
/// A client is `Send` and `Sync`: make one, and share it between threads by reference or in an `Arc`. Each call blocks its
/// thread and uses a connection of its own, which is kept for the next one. Every call but [`health`](Client::health) may
/// give any [`Error`].
#[derive(Debug)]
pub struct Client {
    endpoints: Endpoints,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Client {
    /// A client with the settings of the environment: `RNNLOSS_URL`, `RNNLOSS_TOKEN`.
    ///
    /// # Errors
    ///
    /// See [`ClientBuilder::build`].
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Settings to be made, on top of those of the environment.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn with(endpoints: Endpoints, authorization: Option<HeaderValue>, timeout: Duration) -> Self {
        Client { endpoints, authorization, timeout }
    }

    /// The loss of a problem, by term, and its gradients.
    ///
    /// # Errors
    ///
    /// The daemon's, as `missing-tensor`, `shape-mismatch`, `non-finite`: see [`Error`].
    pub fn loss(&self, problem: &Problem) -> Result<Loss, Error> {
        let request = posted("/loss", problem, None);
        let answer = self.request(&request.accept(encode::media_type(problem.encoding)))?;
        decode::loss(answer, problem)
    }

    /// Whether what a worker got is right and, if not, what it computed instead.
    ///
    /// # Errors
    ///
    /// Those of [`loss`](Client::loss), and `invalid-claim`. A claim that is wrong is no error.
    pub fn validate(&self, problem: &Problem, claims: &Claims) -> Result<Report, Error> {
        let request = posted("/validate", problem, Some(claims));
        let answer = self.request(&request.accept(encode::JSON))?;
        answer.json(encode::JSON)
    }

    /// The same report as text, for people.
    ///
    /// # Errors
    ///
    /// Those of [`validate`](Client::validate).
    pub fn validate_text(&self, problem: &Problem, claims: &Claims) -> Result<String, Error> {
        let request = posted("/validate", problem, Some(claims));
        let answer = self.request(&request.accept("text/plain"))?;
        answer.expect("text/plain")?;
        let text = std::str::from_utf8(answer.bytes()).ok().filter(|text| text.contains("tolerance: "));
        text.map(str::to_owned).ok_or_else(|| Error::unexpected_answer(&answer, "no report"))
    }

    /// The catalogue of the terms.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn terms(&self) -> Result<Catalogue, Error> {
        self.request(&Request::get("/terms"))?.json(encode::JSON)
    }

    /// The list of the conformance vectors.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn vectors(&self) -> Result<VectorList, Error> {
        self.request(&Request::get("/vectors"))?.json(encode::JSON)
    }

    /// One conformance vector, as JSON.
    ///
    /// # Errors
    ///
    /// `not-found` if there is none of that name.
    pub fn vector(&self, name: &str) -> Result<Value, Error> {
        self.request(&Request::get(format!("/vectors/{}", escaped(name))))?.json(encode::JSON)
    }

    /// The daemon's version, and its limits.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn version(&self) -> Result<Version, Error> {
        self.request(&Request::get("/version"))?.json(encode::JSON)
    }

    /// How each endpoint is, in their order: all are asked at the same time, once.
    pub fn health(&self) -> Vec<(String, Health)> {
        let (request, id) = (Request::get("/readyz"), new_id());
        let call = self.call(&request, &id);
        thread::scope(|scope| {
            let asked = self.endpoints.all.iter().map(|endpoint| scope.spawn(move || health::of(endpoint, &call)));
            let asked: Vec<_> = asked.collect();
            let names = self.endpoints.all.iter().map(|endpoint| endpoint.name().to_owned());
            names.zip(asked.into_iter().map(|thread| thread.join().unwrap_or(Health::Unreachable))).collect()
        })
    }

    /// Sends bytes as they are, and gives those of the answer: for what has no method of its own. Retries and problems are
    /// those of every call.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn request(&self, request: &Request) -> Result<Answer, Error> {
        let id = request.request_id.clone().unwrap_or_else(|| Cow::Owned(new_id()));
        self.endpoints.call(&self.call(request, &id))
    }

    /// A call that begins now.
    fn call<'a>(&'a self, request: &'a Request<'a>, id: &'a str) -> Call<'a> {
        let deadline = Deadline::after(self.timeout);
        Call { request, id, authorization: self.authorization.as_ref(), deadline }
    }
}

fn posted<'a>(path: &'a str, problem: &'a Problem<'a>, claims: Option<&'a Claims<'a>>) -> Request<'a> {
    let mut request = Request::new("POST", Cow::Borrowed(path), encode::body(problem, claims));
    request.request_id = problem.request_id.clone();
    request.content_type(encode::media_type(problem.encoding))
}

fn new_id() -> String {
    format!("{:016x}", random::bits())
}

/// A name as a segment of a path.
fn escaped(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    let escape = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_shared_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Client>();
        shared::<Loss>();
        shared::<Error>();
        shared::<Report>();
    }

    #[test]
    fn names_stay_one_segment() {
        assert_eq!(escaped("fr_sd-by-hand"), "fr_sd-by-hand");
        assert_eq!(escaped("a/b?c ä"), "a%2Fb%3Fc%20%C3%A4");
    }
}
