//! Connections: how ureq opens them, and what it doesn't tell of them.

mod resolver;
mod tls;
mod tolerant;
#[cfg(unix)]
mod unix;
mod witness;

use ureq::config::Config;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::Agent;

pub(crate) use tls::{config, Files};
pub(crate) use witness::Witness;

/// An agent for `http` and `https`.
pub(crate) fn tcp_agent(config: Config) -> Agent {
    let connector =
        ().chain(TcpConnector::default())
            .chain(tolerant::Tolerance)
            .chain(tls::CachedTls::default())
            .chain(witness::Witnessing);
    Agent::with_parts(config, connector, resolver::Addresses::default())
}

/// An agent for the socket of this path.
#[cfg(unix)]
pub(crate) fn unix_agent(config: Config, path: std::path::PathBuf) -> Agent {
    let connector = unix::UnixConnector(path).chain(tolerant::Tolerance).chain(witness::Witnessing);
    Agent::with_parts(config, connector, resolver::Nowhere)
}
