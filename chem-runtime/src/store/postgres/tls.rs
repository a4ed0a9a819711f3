//! TLS with rustls, according to `sslmode`.
//!
//! The modes have the same meaning as in PostgreSQL's own programs: `prefer` and `require` encrypt without verifying
//! the server (`require` with `sslrootcert` verifies it, as `verify-ca` does), `verify-ca` requires a certificate from
//! a trusted authority, and `verify-full` also requires it to match the host of the address.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// The required degree of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl TlsMode {
    pub(super) const NAMES: &'static str = "`disable`, `prefer`, `require`, `verify-ca` or `verify-full`";

    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "disable" => Self::Disable,
            // `allow` prefers no TLS but accepts it; trying TLS first does no harm.
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// The certificates that are trusted.
#[derive(Debug, Clone)]
pub(super) enum Roots {
    /// Those of the operating system.
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

/// The TLS configuration of a connection.
#[derive(Clone)]
pub(super) struct Tls(MakeRustlsConnect);

impl Tls {
    pub(super) fn new(
        mode: TlsMode,
        roots: Option<Roots>,
        certificate: Option<&Path>,
        key: Option<&Path>,
    ) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let check = match (mode, roots) {
            (TlsMode::VerifyFull, roots) => Check::authority(roots.unwrap_or_else(default_roots), true)?,
            (TlsMode::VerifyCa, roots) => Check::authority(roots.unwrap_or_else(default_roots), false)?,
            (TlsMode::Require, Some(roots)) => Check::authority(roots, false)?,
            _ => Check::Nothing,
        };
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { check, provider }));
        let config = match (certificate, key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("sslkey", key, &error))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| format!("its `sslcert`: {error}"))?
            }
            _ => return Err("`sslcert` and `sslkey` are only of use together".into()),
        };
        Ok(Self(MakeRustlsConnect::new(config)))
    }

    pub(super) fn connector(&self) -> MakeRustlsConnect {
        self.0.clone()
    }
}

/// Returns `~/.postgresql/root.crt`, as PostgreSQL's own programs do, or the system's certificates if there is no such
/// file.
fn default_roots() -> Roots {
    let file = std::env::home_dir().map(|home| home.join(".postgresql/root.crt"));
    file.filter(|file| file.is_file()).map_or(Roots::System, Roots::File)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(format!("there is no certificate in `{}`", file.display())),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("no certificate can be read from `{}`: {error}", file.display())),
    }
}

fn unreadable(name: &str, file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("its `{name}`, `{}`, cannot be read: {error}", file.display())
}

/// What a server's certificate must prove.
#[derive(Debug)]
enum Check {
    Nothing,
    /// The certificate comes from one of these authorities, or is itself one of `roots`; with `name`, it must also
    /// match the host of the address.
    Authority {
        roots: Vec<CertificateDer<'static>>,
        anchors: RootCertStore,
        name: bool,
    },
}

impl Check {
    fn authority(roots: Roots, name: bool) -> Result<Self, String> {
        let roots = match roots {
            Roots::File(file) => certificates(&file)?,
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                if found.certs.is_empty() {
                    return Err(
                        "this system has no list of trusted certificates; name a file with `sslrootcert`".into()
                    );
                }
                found.certs
            }
        };
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(roots.iter().cloned());
        if anchors.is_empty() {
            return Err("none of the certificates of its `sslrootcert` can be read as one of an authority".into());
        }
        Ok(Self::Authority { roots, anchors, name })
    }
}

/// Checks that a certificate is valid at `time`.
fn valid_at(certificate: &CertificateDer<'_>, time: UnixTime) -> Result<(), CertificateError> {
    let parsed = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = parsed.tbs_certificate.validity;
    let [not_before, not_after] =
        [validity.not_before, validity.not_after].map(|limit| UnixTime::since_unix_epoch(limit.to_unix_duration()));
    if time < not_before {
        return Err(CertificateError::NotValidYetContext { time, not_before });
    }
    if time > not_after {
        return Err(CertificateError::ExpiredContext { time, not_after });
    }
    Ok(())
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Check::Authority { roots, anchors, name } = &self.check else {
            return Ok(ServerCertVerified::assertion());
        };
        // A server with a self-signed certificate is trusted if the file contains that certificate. There is no chain
        // to follow then, so the whole certificate is compared. It expires like any other.
        if roots.iter().any(|root| root == end_entity) {
            valid_at(end_entity, now)?;
        } else {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, anchors, intermediates, now, algorithms)?;
        }
        if *name {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
