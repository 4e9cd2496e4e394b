use std::env;
use std::path::PathBuf;
use std::time::Duration;

use ureq::config::{AutoHeaderValue, Config};
use ureq::http::HeaderValue;
use ureq::Agent;

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::retry::Endpoints;
use crate::transport::{self, Files};

const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:8080";
const USER_AGENT: &str = concat!("rnnloss-rust/", env!("CARGO_PKG_VERSION"));
/// How many connections to an endpoint are kept for threads to come.
const KEPT: usize = 64;
/// How long one is kept. A daemon ends those that have been idle for a minute, unless told otherwise.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// The settings of a [`Client`] to be.
///
/// ```
/// use std::time::Duration;
///
/// let client = rnnloss::Client::builder()
///     .endpoints(["http://10.0.0.1:8080", "http://10.0.0.2:8080"])
///     .token("a token")
///     .timeout(Duration::from_secs(10))
///     .build()?;
/// # let _ = client;
/// # Ok::<(), rnnloss::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    endpoints: Vec<String>,
    token: Option<String>,
    files: Files,
    timeout: Duration,
    connect_timeout: Duration,
    retries: u32,
}

impl ClientBuilder {
    /// The settings of the environment, and the defaults.
    pub(crate) fn new() -> Self {
        ClientBuilder {
            endpoints: addresses(&variable("RNNLOSS_URL").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned())),
            token: variable("RNNLOSS_TOKEN"),
            files: Files::default(),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            retries: 3,
        }
    }

    /// The one daemon to ask: `http://HOST:PORT`, `https://HOST:PORT` or, on Unix, `unix:PATH`. By default what
    /// `RNNLOSS_URL` has, separated by commas, or `http://127.0.0.1:8080`.
    pub fn endpoint(self, address: impl Into<String>) -> Self {
        self.endpoints([address])
    }

    /// Several daemons to ask, in the place of those before: if one fails, the next.
    pub fn endpoints<A: Into<String>>(mut self, addresses: impl IntoIterator<Item = A>) -> Self {
        self.endpoints = addresses.into_iter().map(Into::into).collect();
        self
    }

    /// What to send as `Authorization: Bearer`; by default what `RNNLOSS_TOKEN` has, if anything.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// A PEM file of the CAs to trust, in the place of the system's.
    pub fn ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.ca = Some(path.into());
        self
    }

    /// PEM files of the certificate and its private key to show to a daemon that asks.
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.files.identity = Some((certificate.into(), key.into()));
        self
    }

    /// The time of a call as a whole, its retries included; by default 60 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The time to open one connection; by default 5 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How many attempts may follow the first; by default 3.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The client. It opens no connection yet.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_SETTINGS`] if an address is none, a file can't be read, or a token can't be a header.
    pub fn build(self) -> Result<Client, Error> {
        if self.endpoints.is_empty() {
            return Err(Error::settings("no endpoint".to_owned()));
        }
        let config = self.config()?;
        let all = self.endpoints.iter().map(|address| Endpoint::new(address, config.clone()));
        let endpoints = Endpoints::new(all.collect::<Result<_, _>>()?, self.retries);
        let authorization = self.token.as_deref().map(authorization).transpose()?;
        Ok(Client::with(endpoints, authorization, self.timeout))
    }

    fn config(&self) -> Result<Config, Error> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(USER_AGENT)
            .accept_encoding(AutoHeaderValue::None)
            .timeout_connect(Some(self.connect_timeout))
            .max_idle_connections(KEPT)
            .max_idle_connections_per_host(KEPT)
            .max_idle_age(KEPT_FOR)
            .tls_config(transport::config(&self.files)?);
        Ok(config.build())
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the token: settings are logged.
        f.debug_struct("ClientBuilder").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

fn authorization(token: &str) -> Result<HeaderValue, Error> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| Error::settings("a token with characters that no header takes".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn addresses(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|address| !address.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_may_name_several() {
        assert_eq!(addresses("http://a:1, unix:/b,"), ["http://a:1", "unix:/b"]);
    }

    #[test]
    fn no_token_is_shown() {
        let builder = ClientBuilder::new().token("secret");
        assert!(!format!("{builder:?}").contains("secret"));
        assert!(!format!("{:?}", builder.build().unwrap()).contains("secret"));
    }

    #[test]
    fn a_token_must_fit_a_header() {
        let error = ClientBuilder::new().token("a\nb").build().unwrap_err();
        assert_eq!(error.kind(), Error::INVALID_SETTINGS);
        assert!(ClientBuilder::new().endpoints([""; 0]).build().is_err());
    }
}
