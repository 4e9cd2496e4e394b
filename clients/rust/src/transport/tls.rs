use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::unversioned::transport::{ConnectionDetails, Connector, RustlsConnector, Transport};

use crate::error::Error;

/// PEM files: whom to trust, and what to show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// ureq's settings of TLS.
pub(crate) fn config(files: &Files) -> Result<TlsConfig, Error> {
    let roots = match &files.ca {
        Some(path) => RootCerts::from(certificates(path)?.iter().map(owned)),
        None => RootCerts::PlatformVerifier,
    };
    let identity = files.identity.as_ref().map(|(certificate, key)| identity(certificate, key)).transpose()?;
    Ok(TlsConfig::builder().root_certs(roots).client_cert(identity).build())
}

fn identity(certificate: &Path, key: &Path) -> Result<ClientCert, Error> {
    let chain = certificates(certificate)?;
    let unreadable =
        |error: &dyn fmt::Display| Error::settings(format!("no private key in {}: {error}", key.display()));
    let pem = fs::read(key).map_err(|error| unreadable(&error))?;
    let parsed = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unreadable(&error))?;
    check(&chain, parsed).map_err(|error| {
        let (certificate, key) = (certificate.display(), key.display());
        Error::settings(format!("{certificate} and {key} can't be shown to a daemon: {error}"))
    })?;
    let key = PrivateKey::from_pem(&pem).map_err(|error| unreadable(&error))?;
    let chain: Vec<_> = chain.iter().map(owned).collect();
    Ok(ClientCert::new_with_certs(&chain, key))
}

/// That rustls takes them: ureq relies on it.
fn check(chain: &[CertificateDer<'static>], key: PrivateKeyDer<'static>) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_auth_cert(chain.to_vec(), key)
        .map(|_| ())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unreadable = |error| Error::settings(format!("no certificate in {}: {error}", path.display()));
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(unreadable)?;
    if all.is_empty() {
        return Err(unreadable(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(all)
}

fn owned(certificate: &CertificateDer) -> Certificate<'static> {
    Certificate::from_der(certificate).to_owned()
}

/// ureq's TLS, whose settings are made once.
///
/// Timeouts are set by request, and of a request with settings of its own ureq doesn't keep those of TLS: it would read the
/// system's CAs, and forget the session, with each connection.
#[derive(Debug, Default)]
pub(super) struct CachedTls(RustlsConnector);

impl<In: Transport> Connector<In> for CachedTls {
    type Out = <RustlsConnector as Connector<In>>::Out;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        let details = ConnectionDetails {
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: false,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.0.connect(&details, chained)
    }
}
