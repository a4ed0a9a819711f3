//! What a `postgres://…` address says, taken apart.
//!
//! The address is read here and not by the `postgres` crate, because some of what users write is unknown to it
//! (`verify-full`, `sslrootcert`, timeouts), and because an error has to name the part that is wrong without repeating
//! a password. How the connection is then made is for the session to know.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres::config::{ChannelBinding, Config, LoadBalanceHosts, SslMode, TargetSessionAttrs};

use super::parts::{Parts, decode};
use super::tls::{Roots, Tls, TlsMode};
use crate::step::nearest;
use crate::store::url::{Parameter, may_be_port};
use crate::store::{PostgresUrl, StoreError};

/// Where the socket of a local server usually is.
const SOCKET_DIRECTORIES: &[&str] = &["/var/run/postgresql", "/tmp"];

/// Where a server listens if its address does not say so.
const DEFAULT_PORT: u16 = 5432;

/// How to reach a database, and how to speak with it.
#[derive(Clone)]
pub struct PgSettings {
    /// The address as it may be shown.
    pub(super) shown: String,
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// Both in milliseconds; 0 is none.
    pub(super) statement_timeout: u64,
    pub(super) lock_timeout: u64,
}

impl PgSettings {
    /// The settings that `url` tells.
    ///
    /// Beside what PostgreSQL's own programs take (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`, several hosts with
    /// `target_session_attrs=read-write`, `connect_timeout`, keepalives, `options`, …) there are `statement_timeout`
    /// and `lock_timeout`, in milliseconds or with a unit (`30s`).
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with the part that is wrong, and without the password.
    pub fn from_url(url: &PostgresUrl) -> Result<Self, StoreError> {
        read(url).map_err(|reason| StoreError::Unusable {
            message: format!("the address `{url}` of the store cannot be used: {reason}"),
            source: None,
        })
    }
}

impl std::fmt::Debug for PgSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PgSettings({})", self.shown)
    }
}

/// What is put together before the settings can be made.
struct Draft {
    config: Config,
    hosts: Vec<String>,
    ports: Vec<String>,
    addresses: usize,
    connect_timeout: Option<Duration>,
    mode: TlsMode,
    roots: Option<Roots>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    statement_timeout: u64,
    lock_timeout: u64,
}

fn read(url: &PostgresUrl) -> Result<PgSettings, String> {
    let parts = Parts::split(url.with_password())?;
    let mut draft = Draft {
        config: Config::new(),
        hosts: parts.hosts.iter().map(|(host, _)| host.clone()).collect(),
        ports: parts.hosts.iter().map(|(_, port)| port.clone()).collect(),
        addresses: 0,
        connect_timeout: Some(Duration::from_secs(10)),
        mode: TlsMode::Prefer,
        roots: None,
        certificate: None,
        key: None,
        statement_timeout: 0,
        lock_timeout: 0,
    };
    draft.config.application_name("chem");
    // A server that has vanished is noticed in a minute, not in two hours.
    draft.config.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(10));
    draft.config.tcp_user_timeout(Duration::from_secs(60));
    if let Some(user) = &parts.user {
        draft.config.user(user);
    }
    if let Some(password) = &parts.password {
        draft.config.password(password);
    }
    if let Some(database) = &parts.database {
        draft.config.dbname(database);
    }
    for (name, value) in &parts.parameters {
        let parameter = Parameter::named(name).ok_or_else(|| unknown(name, parts.secret))?;
        let value = decode(value).ok_or_else(|| format!("the value of `{name}` is no percent-encoded UTF-8"))?;
        draft.set(parameter, name, &value)?;
    }
    draft.finish(url)
}

impl Draft {
    fn set(&mut self, parameter: Parameter, name: &str, value: &str) -> Result<(), String> {
        let config = &mut self.config;
        match parameter {
            Parameter::User => drop(config.user(value)),
            Parameter::Password => drop(config.password(value)),
            Parameter::Database => drop(config.dbname(value)),
            Parameter::Options => drop(config.options(value)),
            Parameter::ApplicationName => drop(config.application_name(value)),
            Parameter::Host => self.hosts = value.split(',').map(str::to_owned).collect(),
            Parameter::Port => self.ports = value.split(',').map(str::to_owned).collect(),
            Parameter::HostAddress => {
                for address in value.split(',') {
                    config.hostaddr(address.parse::<IpAddr>().map_err(|_| wrong(name, value, "an IP address"))?);
                    self.addresses += 1;
                }
            }
            Parameter::TlsMode => {
                self.mode = TlsMode::parse(value).ok_or_else(|| wrong(name, value, TlsMode::NAMES))?
            }
            Parameter::TlsRoots if value == "system" => self.roots = Some(Roots::System),
            Parameter::TlsRoots => self.roots = Some(Roots::File(value.into())),
            Parameter::TlsCertificate => self.certificate = Some(value.into()),
            Parameter::TlsKey => self.key = Some(value.into()),
            // There is no GSSAPI here, so that all but its enforcement is granted.
            Parameter::GssMode if value != "require" => {}
            Parameter::GssMode => return Err("`gssencmode=require` is not possible with this program".into()),
            Parameter::TargetSession => {
                config.target_session_attrs(match value {
                    "any" => TargetSessionAttrs::Any,
                    "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                    "read-only" | "standby" => TargetSessionAttrs::ReadOnly,
                    _ => return Err(wrong(name, value, "`any`, `read-write` or `read-only`")),
                });
            }
            Parameter::ChannelBinding => {
                config.channel_binding(match value {
                    "disable" => ChannelBinding::Disable,
                    "prefer" => ChannelBinding::Prefer,
                    "require" => ChannelBinding::Require,
                    _ => return Err(wrong(name, value, "`disable`, `prefer` or `require`")),
                });
            }
            Parameter::LoadBalanceHosts => {
                config.load_balance_hosts(match value {
                    "disable" => LoadBalanceHosts::Disable,
                    "random" => LoadBalanceHosts::Random,
                    _ => return Err(wrong(name, value, "`disable` or `random`")),
                });
            }
            Parameter::ConnectTimeout => {
                // As PostgreSQL's own programs have it, 0 is no limit, and less than two seconds is none that is kept.
                let seconds = number(name, value)?;
                self.connect_timeout = (seconds > 0).then(|| Duration::from_secs(seconds.max(2)));
            }
            Parameter::TcpUserTimeout => drop(config.tcp_user_timeout(Duration::from_millis(number(name, value)?))),
            Parameter::Keepalives => drop(config.keepalives(number(name, value)? != 0)),
            Parameter::KeepalivesIdle => drop(config.keepalives_idle(Duration::from_secs(number(name, value)?))),
            Parameter::KeepalivesInterval => {
                config.keepalives_interval(Duration::from_secs(number(name, value)?));
            }
            Parameter::KeepalivesCount => {
                let count = u32::try_from(number(name, value)?).map_err(|_| wrong(name, value, "a smaller number"))?;
                config.keepalives_retries(count);
            }
            Parameter::StatementTimeout => self.statement_timeout = milliseconds(name, value)?,
            Parameter::LockTimeout => self.lock_timeout = milliseconds(name, value)?,
        }
        Ok(())
    }

    fn finish(mut self, url: &PostgresUrl) -> Result<PgSettings, String> {
        let ports = self.ports.iter().map(|port| port_of(port)).collect::<Result<Vec<u16>, String>>()?;
        if self.hosts.iter().all(String::is_empty) && self.addresses == 0 {
            let socket = format!(".s.PGSQL.{}", ports.first().unwrap_or(&DEFAULT_PORT));
            let local = SOCKET_DIRECTORIES.iter().find(|directory| Path::new(directory).join(&socket).exists());
            self.hosts = vec![local.copied().unwrap_or("localhost").to_owned()];
        }
        if let Some(limit) = self.connect_timeout {
            self.config.connect_timeout(limit);
        }
        let given = self.hosts.len().max(self.addresses);
        if !self.hosts.iter().all(String::is_empty) {
            for host in &self.hosts {
                if host.is_empty() {
                    return Err("one of its hosts is empty".into());
                }
                self.config.host(host);
            }
        }
        if ports.len() > 1 && ports.len() != given {
            return Err(format!("it has {given} hosts and {} ports", ports.len()));
        }
        for port in ports {
            self.config.port(port);
        }
        // As with PostgreSQL's own programs, there is no TLS over a Unix socket, whatever the mode.
        let local = self.addresses == 0 && self.hosts.iter().all(|host| host.starts_with('/'));
        let mode = if local { TlsMode::Disable } else { self.mode };
        self.config.ssl_mode(match mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        let tls = Tls::new(mode, self.roots, self.certificate.as_deref(), self.key.as_deref())?;
        Ok(PgSettings {
            shown: url.to_string(),
            config: self.config,
            tls,
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
        })
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    if !may_be_port(text) {
        let reason = "one of its ports is no port number; is that the password, and `@HOST` is missing behind it?";
        return Err(reason.to_owned());
    }
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("port", text, "a number from 1 to 65535"))
}

fn unknown(name: &str, secret: bool) -> String {
    let known = || Parameter::ALL.iter().map(|(name, _)| *name);
    if secret {
        return format!(
            "it has an unknown parameter, which may be a piece of the password and is not repeated here; in a password \
             write `&` as `%26` and `?` as `%3F`; the known parameters are {}",
            known().collect::<Vec<_>>().join(", ")
        );
    }
    match nearest(name, known()) {
        Some(near) => format!("it has an unknown parameter `{name}`; did you mean `{near}`?"),
        None => format!(
            "it has an unknown parameter `{name}`; the known ones are {}",
            known().collect::<Vec<_>>().join(", ")
        ),
    }
}

fn wrong(name: &str, value: &str, expected: &str) -> String {
    format!("its `{name}` is `{value}`, where {expected} is expected")
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| wrong(name, value, "a whole number"))
}

fn milliseconds(name: &str, value: &str) -> Result<u64, String> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &value[digits.len()..] {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        _ => return Err(wrong(name, value, "a number of milliseconds, or one with `ms`, `s` or `min`")),
    };
    // PostgreSQL's own limit.
    let limit = u64::from(i32::MAX.unsigned_abs());
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|number| *number <= limit)
        .ok_or_else(|| wrong(name, value, "a number of milliseconds up to 2147483647"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreUrl;

    fn settings(text: &str) -> Result<PgSettings, StoreError> {
        let StoreUrl::Postgres(url) = text.parse().unwrap() else { panic!("{text}") };
        PgSettings::from_url(&url)
    }

    #[test]
    fn an_address_is_taken_apart() {
        let settings = settings(
            "postgres://ada:a%40b@h1:1,[::1]:2,%2Frun%2Fpg/che%6d?target_session_attrs=read-write&statement_timeout=30s\
             &connect_timeout=5&options=-c%20search_path%3Dlab",
        )
        .unwrap();
        let config = &settings.config;
        assert_eq!(config.get_user(), Some("ada"));
        assert_eq!(config.get_password(), Some(&b"a@b"[..]));
        assert_eq!(config.get_dbname(), Some("chem"));
        assert_eq!(config.get_options(), Some("-c search_path=lab"));
        assert_eq!(config.get_ports(), [1, 2, 5432]);
        assert_eq!(format!("{:?}", config.get_hosts()), r#"[Tcp("h1"), Tcp("::1"), Unix("/run/pg")]"#);
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(5)));
        assert_eq!(settings.statement_timeout, 30_000);
    }

    #[test]
    fn the_part_that_is_wrong_is_named_and_the_password_is_not() {
        for (text, part) in [
            ("postgres://u:hunter2@h:54x2/d", "one of its ports is no port number"),
            ("postgres://u:hunter2/d", "`@HOST` is missing"),
            ("postgres://u:hunter2", "`@HOST` is missing"),
            ("postgres://u:hunter2?sslmode=disable", "`@HOST` is missing"),
            ("postgres://u:hunter2,h:12", "`@HOST` is missing"),
            ("postgres://u:hun/ter2", "`@HOST` is missing"),
            ("postgres://u:hun?ter2=1", "unknown parameter, which may be a piece of the password"),
            ("postgres://u@h/d?password=hun&ter2=1", "write `&` as `%26`"),
            ("postgres://u@h/d?password=hun&ter2=%zz", "write `&` as `%26`"),
            ("postgres://u@h/d?password=hun&ter2", "write `&` as `%26`"),
            ("postgres://u@h/d?password=hun&ter", "one of its parameters has no value"),
            ("postgres://postgres:x@HOST/hunter2@h/d", "write `@` as `%40`"),
            ("postgres://postgres:x@HOST?hunter2=1@h/d", "is not repeated here"),
            ("postgres://u:hunter2@h:0/d", "`port` is `0`"),
            ("postgres://u:hunter2@h:70000/d", "`port` is `70000`"),
            ("postgres://u:hunter2@a:1,b:2/d?port=1,2,3", "2 hosts and 3 ports"),
            ("postgres://u:hunter2@a,,b/d", "one of its hosts is empty"),
            ("postgres://u:hunter2@[::1/d", "`[` and no `]`"),
            ("postgres://u:hun/ter2@h/d", "`/` as `%2F`"),
            ("postgres://u:hun?ter2@h/d", "`?` as `%3F`"),
            ("postgres://u:%zzhunter2@h/d", "password is no percent-encoded"),
            ("postgres://u:hunter2@h/d?sslmod=require", "did you mean `sslmode`?"),
            ("postgres://u:hunter2@h/d?sslmode=verify", "`sslmode` is `verify`"),
            ("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/no/such.pem", "`/no/such.pem`"),
            ("postgres://u:hunter2@h/d?sslmode=require&sslcert=/no/such.pem", "`sslcert` and `sslkey`"),
            ("postgres://u:hunter2@h/d?connect_timeout=soon", "`connect_timeout` is `soon`"),
            ("postgres://u:hunter2@h/d?statement_timeout=1week", "`statement_timeout` is `1week`"),
            ("postgres://u:hunter2@h/d?target_session_attrs=rw", "`target_session_attrs` is `rw`"),
            ("postgres://u:hunter2@h/d?hostaddr=here", "`hostaddr` is `here`"),
            ("postgres://u:hunter2@h/d?sslmode", "`sslmode` has no value"),
            ("postgres://h/d?passwor=hunter2", "did you mean `password`?"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
            assert!(!format!("{error} {error:?}").contains("ter2"), "{error:?}");
        }
    }

    #[test]
    fn a_limit_of_zero_for_connecting_is_none() {
        let limit = |text: &str| settings(text).unwrap().config.get_connect_timeout().copied();
        assert_eq!(limit("postgres://h/d"), Some(Duration::from_secs(10)));
        assert_eq!(limit("postgres://h/d?connect_timeout=1"), Some(Duration::from_secs(2)));
        assert_eq!(limit("postgres://h/d?connect_timeout=0"), None);
    }

    #[test]
    fn settings_do_not_show_the_password() {
        let settings = settings("postgres://u:hunter2@h/d").unwrap();
        assert_eq!(format!("{settings:?}"), "PgSettings(postgres://u:***@h/d)");
    }
}
