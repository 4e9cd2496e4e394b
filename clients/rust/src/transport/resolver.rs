use std::net::{IpAddr, SocketAddr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::Error;

/// Looks up names; of an address that is one already it makes no thread, as ureq's own resolver would for each request.
#[derive(Debug, Default)]
pub(super) struct Addresses(DefaultResolver);

impl Resolver for Addresses {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let Some(address) = literal(uri) else {
            return self.0.resolve(uri, config, timeout);
        };
        let mut addresses = self.empty();
        addresses.push(address);
        Ok(addresses)
    }
}

fn literal(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host()?.trim_matches(['[', ']']);
    let address: IpAddr = host.parse().ok()?;
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Some(SocketAddr::new(address, uri.port_u16().unwrap_or(default)))
}

/// Looks up nothing: a socket's path is its address.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_from_names() {
        let literal = |uri: &str| literal(&uri.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(literal("http://127.0.0.1:8080/loss").unwrap(), "127.0.0.1:8080");
        assert_eq!(literal("https://[::1]").unwrap(), "[::1]:443");
        assert_eq!(literal("http://10.0.0.1").unwrap(), "10.0.0.1:80");
        assert_eq!(literal("http://localhost:8080"), None);
    }
}
