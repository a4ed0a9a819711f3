//! Which servers are trusted under each `sslmode`.

use std::path::Path;

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::PgEventStore;
use chem_runtime::store::{EventLog as _, PersistenceError};
use chem_tests::events::numbered;
use chem_tests::postgres_server::{PostgresServer, ServerSettings, server};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A certificate authority for tests.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Returns the certificate and key of a server called `name`, in PEM.
    fn server(&self, name: &str) -> (String, String) {
        self.server_until(name, 2090)
    }

    /// Returns the same, valid until 1 January of `year`.
    fn server_until(&self, name: &str, year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

fn listening(certificate: Option<(String, String)>) -> Option<PostgresServer> {
    server(ServerSettings { tcp: true, certificate, ..ServerSettings::default() })
}

/// Opens the store and appends. Returns whether the connection uses TLS.
fn connect(server: &PostgresServer, host: &str, parameters: &str) -> Result<bool, PersistenceError> {
    let url = format!("postgres://chem:hunter2@{host}:{}/postgres?{parameters}", server.port());
    let store = PgEventStore::open(&crate::address(&url))?;
    store.append(FlowId::new(), 0, &[numbered(0)])?;
    let mut client = postgres::Client::connect(&server.url("postgres"), postgres::NoTls).unwrap();
    let sql =
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = 'chem'";
    Ok(client.query_one(sql, &[]).unwrap().get::<_, i64>(0) > 0)
}

#[track_caller]
fn accepted(server: &PostgresServer, host: &str, parameters: &str, encrypted: bool) {
    match connect(server, host, parameters) {
        Ok(found) => assert_eq!(found, encrypted, "{host} {parameters}"),
        Err(error) => panic!("{host} {parameters}: {}", crate::told(&error)),
    }
}

#[track_caller]
fn refused(server: &PostgresServer, host: &str, parameters: &str, why: &str) {
    let told = crate::told(&connect(server, host, parameters).unwrap_err());
    assert!(told.contains(why) && !told.contains("hunter2"), "{host} {parameters}: {told}");
}

fn write(directory: &Path, name: &str, content: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

#[test]
fn a_server_with_a_certificate_is_trusted_as_far_as_the_mode_says() {
    let (authority, other) = (Authority::new("ours"), Authority::new("theirs"));
    let Some(server) = listening(Some(authority.server("localhost"))) else { return };
    let directory = tempfile::tempdir().unwrap();
    let ours = write(directory.path(), "ours.pem", &authority.pem);
    let both = write(directory.path(), "both.pem", &format!("{}{}", other.pem, authority.pem));
    let theirs = write(directory.path(), "theirs.pem", &other.pem);

    for parameters in ["", "sslmode=prefer", "sslmode=allow", "sslmode=require"] {
        accepted(&server, "localhost", parameters, true);
    }
    accepted(&server, "localhost", "sslmode=disable", false);
    accepted(&server, "localhost", &format!("sslmode=verify-full&sslrootcert={ours}"), true);
    accepted(&server, "localhost", &format!("sslmode=verify-full&sslrootcert={both}"), true);
    // The certificate is for another name than the address has.
    refused(&server, "127.0.0.1", &format!("sslmode=verify-full&sslrootcert={ours}"), "not valid for name");
    accepted(&server, "127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ours}"), true);
    // The certificate comes from an authority that is not in the file.
    for mode in ["require", "verify-ca", "verify-full"] {
        refused(&server, "localhost", &format!("sslmode={mode}&sslrootcert={theirs}"), "UnknownIssuer");
    }
    refused(&server, "127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={theirs}"), "UnknownIssuer");
    // The system does not trust the authority.
    refused(&server, "localhost", "sslmode=verify-full&sslrootcert=system", "UnknownIssuer");
}

#[test]
fn verify_ca_passes_over_the_name_and_over_nothing_else() {
    let authority = Authority::new("ours");
    let Some(server) = listening(Some(authority.server_until("elsewhere.example", 2020))) else { return };
    let directory = tempfile::tempdir().unwrap();
    let ours = write(directory.path(), "ours.pem", &authority.pem);
    for mode in ["require", "verify-ca", "verify-full"] {
        refused(&server, "localhost", &format!("sslmode={mode}&sslrootcert={ours}"), "certificate expired");
    }
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let hollow = write(directory.path(), "hollow.pem", hollow);
    refused(&server, "localhost", &format!("sslmode=verify-ca&sslrootcert={hollow}"), "`sslrootcert`");
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_required() {
    let Some(server) = listening(None) else { return };
    let directory = tempfile::tempdir().unwrap();
    let ours = write(directory.path(), "ours.pem", &Authority::new("ours").pem);
    accepted(&server, "localhost", "sslmode=prefer", false);
    accepted(&server, "localhost", "sslmode=disable", false);
    refused(&server, "localhost", "sslmode=require", "does not support TLS");
    refused(&server, "localhost", &format!("sslmode=verify-full&sslrootcert={ours}"), "does not support TLS");
}

#[test]
fn a_self_signed_certificate_is_trusted_where_it_is_in_the_file_itself() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // `openssl req -x509` makes such certificates.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let Some(server) = listening(Some((pem.clone(), key.serialize_pem()))) else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "server.pem", &pem);
    accepted(&server, "localhost", &format!("sslmode=verify-full&sslrootcert={file}"), true);
    accepted(&server, "127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={file}"), true);
    refused(&server, "127.0.0.1", &format!("sslmode=verify-full&sslrootcert={file}"), "not valid for name");
    let other = write(directory.path(), "other.pem", &Authority::new("ours").pem);
    refused(&server, "localhost", &format!("sslmode=verify-ca&sslrootcert={other}"), "invalid peer certificate");
}

#[test]
fn a_certificate_in_the_file_itself_lapses_like_any_other() {
    for (from, until, why) in [(2019, 2020, "certificate expired"), (2090, 2091, "certificate not valid yet")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(until, 1, 1));
        let pem = params.self_signed(&key).unwrap().pem();
        let Some(server) = listening(Some((pem.clone(), key.serialize_pem()))) else { return };
        let directory = tempfile::tempdir().unwrap();
        let file = write(directory.path(), "server.pem", &pem);
        for mode in ["require", "verify-ca", "verify-full"] {
            refused(&server, "localhost", &format!("sslmode={mode}&sslrootcert={file}"), why);
        }
        accepted(&server, "localhost", "sslmode=require", true);
    }
}

#[test]
fn a_client_shows_its_certificate_where_the_server_asks_for_one() {
    let authority = Authority::new("ours");
    let directory = tempfile::tempdir().unwrap();
    let ours = write(directory.path(), "ours.pem", &authority.pem);
    let certificate = Some(authority.server("localhost"));
    let client_authority = Some(authority.pem.clone());
    let settings = ServerSettings { tcp: true, certificate, client_authority, ..ServerSettings::default() };
    let Some(server) = server(settings) else { return };
    let (certificate, key) = authority.server("chem");
    let certificate = write(directory.path(), "client.pem", &certificate);
    let key = write(directory.path(), "client.key", &key);
    let verify = format!("sslmode=verify-full&sslrootcert={ours}");
    refused(&server, "localhost", &verify, "certificate");
    accepted(&server, "localhost", &format!("{verify}&sslcert={certificate}&sslkey={key}"), true);
}
