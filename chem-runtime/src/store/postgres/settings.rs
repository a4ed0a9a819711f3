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
use crate::store::{PostgresUrl, StoreError};

/// Where the socket of a local server usually is.
const SOCKET_DIRECTORIES: &[&str] = &["/var/run/postgresql", "/tmp"];

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
        mode: TlsMode::Prefer,
        roots: None,
        certificate: None,
        key: None,
        statement_timeout: 0,
        lock_timeout: 0,
    };
    draft.config.application_name("chem").connect_timeout(Duration::from_secs(10));
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
        draft.set(name, &decode(value).ok_or_else(|| format!("the value of `{name}` is no percent-encoded UTF-8"))?)?;
    }
    draft.finish(url)
}

impl Draft {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let config = &mut self.config;
        match name {
            "user" => drop(config.user(value)),
            "password" => drop(config.password(value)),
            "dbname" => drop(config.dbname(value)),
            "options" => drop(config.options(value)),
            "application_name" => drop(config.application_name(value)),
            "host" => self.hosts = value.split(',').map(str::to_owned).collect(),
            "port" => self.ports = value.split(',').map(str::to_owned).collect(),
            "hostaddr" => {
                for address in value.split(',') {
                    config.hostaddr(address.parse::<IpAddr>().map_err(|_| wrong(name, value, "an IP address"))?);
                    self.addresses += 1;
                }
            }
            "sslmode" => self.mode = TlsMode::parse(value).ok_or_else(|| wrong(name, value, TlsMode::NAMES))?,
            "sslrootcert" if value == "system" => self.roots = Some(Roots::System),
            "sslrootcert" => self.roots = Some(Roots::File(value.into())),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            // There is no GSSAPI here, so that all but its enforcement is granted.
            "gssencmode" if value != "require" => {}
            "gssencmode" => return Err("`gssencmode=require` is not possible with this program".into()),
            "target_session_attrs" => {
                config.target_session_attrs(match value {
                    "any" => TargetSessionAttrs::Any,
                    "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                    "read-only" | "standby" => TargetSessionAttrs::ReadOnly,
                    _ => return Err(wrong(name, value, "`any`, `read-write` or `read-only`")),
                });
            }
            "channel_binding" => {
                config.channel_binding(match value {
                    "disable" => ChannelBinding::Disable,
                    "prefer" => ChannelBinding::Prefer,
                    "require" => ChannelBinding::Require,
                    _ => return Err(wrong(name, value, "`disable`, `prefer` or `require`")),
                });
            }
            "load_balance_hosts" => {
                config.load_balance_hosts(match value {
                    "disable" => LoadBalanceHosts::Disable,
                    "random" => LoadBalanceHosts::Random,
                    _ => return Err(wrong(name, value, "`disable` or `random`")),
                });
            }
            "connect_timeout" => drop(config.connect_timeout(Duration::from_secs(number(name, value)?.max(2)))),
            "tcp_user_timeout" => drop(config.tcp_user_timeout(Duration::from_millis(number(name, value)?))),
            "keepalives" => drop(config.keepalives(number(name, value)? != 0)),
            "keepalives_idle" => drop(config.keepalives_idle(Duration::from_secs(number(name, value)?))),
            "keepalives_interval" => drop(config.keepalives_interval(Duration::from_secs(number(name, value)?))),
            "keepalives_count" => {
                let count = u32::try_from(number(name, value)?).map_err(|_| wrong(name, value, "a smaller number"))?;
                config.keepalives_retries(count);
            }
            "statement_timeout" => self.statement_timeout = milliseconds(name, value)?,
            "lock_timeout" => self.lock_timeout = milliseconds(name, value)?,
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn finish(mut self, url: &PostgresUrl) -> Result<PgSettings, String> {
        if self.hosts.iter().all(String::is_empty) && self.addresses == 0 {
            let local = SOCKET_DIRECTORIES.iter().find(|directory| Path::new(directory).join(".s.PGSQL.5432").exists());
            self.hosts = vec![local.copied().unwrap_or("localhost").to_owned()];
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
        if self.ports.len() > 1 && self.ports.len() != given {
            return Err(format!("it has {given} hosts and {} ports", self.ports.len()));
        }
        for port in &self.ports {
            let port = if port.is_empty() { "5432" } else { port };
            self.config.port(port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("port", port, "a port"))?);
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

const KNOWN: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "gssencmode",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "lock_timeout",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement_timeout",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

fn unknown(name: &str) -> String {
    match nearest(name, KNOWN.iter().copied()) {
        Some(near) => format!("it has an unknown parameter `{name}`; did you mean `{near}`?"),
        None => format!("it has an unknown parameter `{name}`; the known ones are {}", KNOWN.join(", ")),
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
            ("postgres://u:hunter2@h:54x2/d", "`port` is `54x2`"),
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
    fn settings_do_not_show_the_password() {
        let settings = settings("postgres://u:hunter2@h/d").unwrap();
        assert_eq!(format!("{settings:?}"), "PgSettings(postgres://u:***@h/d)");
    }
}
