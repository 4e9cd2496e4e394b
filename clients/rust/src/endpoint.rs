use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::{self, HeaderValue, Uri};
use ureq::{Agent, AsSendBody, SendBody, Timeout};

use crate::buffer::Buffer;
use crate::error::Error;
use crate::request::{Answer, Request};
use crate::transport::{self, Witness};

/// A daemon's address, and the connections to it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    name: String,
    /// What a path is appended to.
    base: String,
    agent: Agent,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection, or one that broke: another attempt may help.
    Broken(ureq::Error),
    /// A connection that can't be trusted.
    Untrusted(ureq::Error),
    /// The time of the call was up.
    TimedOut,
    /// Something was answered, which isn't HTTP as it should be.
    Odd(ureq::Error),
    /// HTTP has no such request.
    Impossible(ureq::Error),
}

/// A request, and what is the same at each attempt of it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) id: &'a str,
    /// What to send as `Authorization`.
    pub(crate) authorization: Option<&'a HeaderValue>,
    pub(crate) deadline: Deadline,
}

/// The end of a call's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// A time from now; one that is too long to be told never ends.
    pub(crate) fn after(timeout: Duration) -> Self {
        Deadline(Instant::now().checked_add(timeout))
    }

    /// What is left; none if it never ends.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }
}

impl Endpoint {
    /// An endpoint of this address: `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`.
    pub(crate) fn new(address: &str, config: Config) -> Result<Self, Error> {
        let name = address.to_owned();
        if let Some(path) = address.strip_prefix("unix:") {
            return Self::unix(name, path, config);
        }
        let uri: Uri = address.parse().map_err(|error| invalid(address, &error))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(invalid(address, &"neither http://HOST:PORT nor https://HOST:PORT nor unix:PATH"));
        }
        if uri.query().is_some() {
            return Err(invalid(address, &"it has a query"));
        }
        let base = address.trim_end_matches('/').to_owned();
        Ok(Endpoint { name, base, agent: transport::tcp_agent(config) })
    }

    #[cfg(unix)]
    fn unix(name: String, path: &str, config: Config) -> Result<Self, Error> {
        if path.is_empty() {
            return Err(invalid(&name, &"it has no path"));
        }
        let agent = transport::unix_agent(config, path.into());
        Ok(Endpoint { name, base: "http://localhost".to_owned(), agent })
    }

    #[cfg(not(unix))]
    fn unix(name: String, _: &str, _: Config) -> Result<Self, Error> {
        Err(invalid(&name, &"this platform has no such sockets"))
    }

    /// The address as it was given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// One attempt. A kept connection that turns out to be closed is replaced: that's no attempt.
    pub(crate) fn send(&self, call: &Call) -> Result<Answer, Failure> {
        loop {
            let witness = Witness::new();
            let response = match self.run(call) {
                // Each round loses a kept connection, until there is none left.
                Err(ureq::Error::Io(_)) if witness.saw_a_kept_connection() => continue,
                response => response.and_then(|response| received(response, call.id)),
            };
            return response.map_err(|error| classified(error, call.deadline));
        }
    }

    /// Sends a request; the answer's body is still to be read.
    fn run(&self, call: &Call) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let request = call.request;
        // Without a slash a path would change the host.
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(format!("{}/{path}", self.base))
            .header("x-request-id", call.id);
        if let Some(authorization) = call.authorization {
            builder = builder.header("authorization", authorization);
        }
        for (name, value) in [("content-type", &request.content_type), ("accept", &request.accept)] {
            if let Some(value) = value {
                builder = builder.header(name, &**value);
            }
        }
        if request.method == "GET" {
            return self.perform(builder.body(())?, call.deadline);
        }
        let mut reader = request.reader();
        // Without a length ureq would send a reader's bytes in chunks.
        let builder = builder.header("content-length", request.size());
        self.perform(builder.body(SendBody::from_reader(&mut reader))?, call.deadline)
    }

    fn perform(
        &self,
        request: http::Request<impl AsSendBody>,
        deadline: Deadline,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let request = self.agent.configure_request(request).timeout_global(deadline.left()).build();
        self.agent.run(request)
    }
}

fn received(response: http::Response<ureq::Body>, id: &str) -> Result<Answer, ureq::Error> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let answer = Answer {
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default().to_owned(),
        request_id: header("x-request-id").unwrap_or(id).to_owned(),
        retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
        body: Arc::default(),
    };
    let body = response.into_body();
    let length = body.content_length();
    let body = Arc::new(Buffer::read(body.into_reader(), length)?);
    Ok(Answer { body, ..answer })
}

fn classified(error: ureq::Error, deadline: Deadline) -> Failure {
    use ureq::Error as E;
    match error {
        E::Timeout(Timeout::Global) => Failure::TimedOut,
        // The time to connect, of which a call whose own time is up has no more either.
        E::Timeout(_) if deadline.is_over() => Failure::TimedOut,
        // What rustls refuses.
        E::Io(ref cause) if cause.kind() == std::io::ErrorKind::InvalidData => Failure::Untrusted(error),
        E::Rustls(_) | E::Tls(_) | E::Pem(_) => Failure::Untrusted(error),
        E::Io(_) | E::Timeout(_) | E::HostNotFound | E::ConnectionFailed => Failure::Broken(error),
        E::Http(_) | E::BadUri(_) => Failure::Impossible(error),
        _ => Failure::Odd(error),
    }
}

fn invalid(address: &str, why: &dyn std::fmt::Display) -> Error {
    Error::settings(format!("no endpoint {address:?}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(address: &str) -> Option<String> {
        Endpoint::new(address, Config::default()).err().map(|error| error.kind().to_owned())
    }

    #[test]
    fn addresses_are_told_apart() {
        for good in
            ["http://127.0.0.1:8080", "http://[::1]:8080/", "https://host", "unix:/run/rnnlossd", "http://h/prefix"]
        {
            assert_eq!(kind(good), None, "{good}");
        }
        for bad in ["", "127.0.0.1:8080", "ftp://host", "http://", "unix:", "http://h?a=b", "http://a b"] {
            assert_eq!(kind(bad).as_deref(), Some(Error::INVALID_SETTINGS), "{bad}");
        }
    }

    #[test]
    fn a_time_that_is_too_long_never_ends() {
        assert!(Deadline::after(Duration::MAX).left().is_none());
        assert!(Deadline::after(Duration::ZERO).is_over());
        assert!(!Deadline::after(Duration::from_secs(60)).is_over());
    }
}
