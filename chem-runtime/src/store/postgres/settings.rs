//! The settings in a `postgres://…` address.
//!
//! This module parses the address instead of the `postgres` crate: that crate does not know some of what users write
//! (`verify-full`, `sslrootcert`, timeouts), and an error must name the invalid part without repeating a password.
//! `session` makes the connection.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, Config, SslMode, TargetSessionAttrs};

use super::passfile;
use super::sources::{Sources, Value};
use super::tls::{Roots, Tls, TlsMode};
use super::url::{Parameter, PostgresUrl, may_be_port};
use crate::store::PersistenceError;

/// Directories that usually contain the socket of a local server.
const SOCKET_DIRECTORIES: &[&str] = &["/var/run/postgresql", "/tmp"];

/// The port of a server whose address names none.
const DEFAULT_PORT: u16 = 5432;

/// The default limit for a whole handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The default limit for the silence of a server during a request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach a database, and the limits for its answers.
#[derive(Clone)]
pub(super) struct PgSettings {
    /// The address without the password.
    pub(super) shown: String,
    /// One target for each host.
    targets: Vec<Target>,
    pub(super) tls: Tls,
    shuffled: bool,
    /// The limit for a whole handshake; `None` means no limit.
    pub(super) connect_timeout: Option<Duration>,
    /// How long the server may be silent during a request; `None` means no limit.
    pub(super) answer_timeout: Option<Duration>,
    /// In milliseconds, like `lock_timeout`; 0 means no limit.
    pub(super) statement_timeout: u64,
    pub(super) lock_timeout: u64,
}

/// A host that an address names.
#[derive(Clone)]
struct Target {
    host: Option<String>,
    address: Option<IpAddr>,
    port: u16,
    /// All settings but host, address and port.
    config: Config,
    mode: TlsMode,
}

impl PgSettings {
    /// Reads the settings from `url`, and from the variables of PostgreSQL's own programs where `url` does not set
    /// them.
    ///
    /// In addition to what PostgreSQL's own programs accept (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`, several
    /// hosts with `target_session_attrs=read-write`, `connect_timeout`, keepalives, `options`, `service`, `passfile`,
    /// …), a URL can set `statement_timeout`, `lock_timeout` and `answer_timeout`, in milliseconds or with a unit
    /// (`30s`).
    ///
    /// # Errors
    /// [`PersistenceError::Unusable`] with the invalid part, and without the password.
    pub(super) fn from_url(url: &PostgresUrl) -> Result<Self, PersistenceError> {
        Self::from_url_and_variables(url, |name| std::env::var(name).ok())
    }

    /// Like [`from_url`](Self::from_url), with `variable` in place of the environment.
    ///
    /// # Errors
    /// As [`from_url`](Self::from_url).
    pub(super) fn from_url_and_variables(
        url: &PostgresUrl,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, PersistenceError> {
        read(url, &variable).map_err(|reason| PersistenceError::Unusable {
            message: format!("the address `{url}` of the store cannot be used: {reason}"),
            source: None,
        })
    }

    /// Tries `connect` with the settings for each address of each host until it succeeds; returns the last error
    /// otherwise.
    pub(super) fn try_each<T, E>(&self, mut connect: impl FnMut(&Config) -> Result<T, E>) -> Result<T, E> {
        let mut targets: Vec<&Target> = self.targets.iter().collect();
        if self.shuffled {
            // The low half of a fresh UUID is random.
            targets.sort_by_cached_key(|_| uuid::Uuid::now_v7().as_u128() as u64);
        }
        let mut configs = targets.into_iter().flat_map(Target::resolved).peekable();
        loop {
            let config = configs.next().unwrap_or_default();
            match connect(&config) {
                Err(_) if configs.peek().is_some() => {}
                result => return result,
            }
        }
    }
}

impl Target {
    /// Returns the settings for each address of the host.
    fn resolved(&self) -> Vec<Config> {
        let place = |address: Option<IpAddr>| {
            let mut config = self.config.clone();
            config.port(self.port);
            if let Some(host) = &self.host {
                config.host(host);
            }
            if let Some(address) = address {
                config.hostaddr(address);
            }
            let is_near = self.is_local() || address.is_some_and(|address| address.is_loopback());
            let mode = if self.is_local() { TlsMode::Disable } else { self.mode };
            config.ssl_mode(match mode {
                TlsMode::Disable => SslMode::Disable,
                // An attacker on the network could remove the offer of TLS from the server's answer.
                TlsMode::Prefer if config.get_password().is_some() && !is_near => SslMode::Require,
                TlsMode::Prefer => SslMode::Prefer,
                TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
            });
            config
        };
        if self.address.is_some() || self.is_local() {
            return vec![place(self.address)];
        }
        let found = self.host.as_deref().map(|host| (host, self.port).to_socket_addrs());
        match found {
            Some(Ok(addresses)) => addresses.map(|address| place(Some(address.ip()))).collect(),
            // The connection attempt reports what is wrong with the name.
            _ => vec![place(None)],
        }
    }

    /// Whether the host is a local socket, which never uses TLS, whatever the mode.
    fn is_local(&self) -> bool {
        self.address.is_none() && self.host.as_deref().is_some_and(|host| host.starts_with('/'))
    }
}

impl std::fmt::Debug for PgSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PgSettings({})", self.shown)
    }
}

/// The settings while they are collected.
struct Draft {
    config: Config,
    hosts: Vec<String>,
    ports: Vec<String>,
    addresses: Vec<IpAddr>,
    connect_timeout: Option<Duration>,
    answer_timeout: Option<Duration>,
    shuffled: bool,
    mode: TlsMode,
    roots: Option<Roots>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    password_file: Option<PathBuf>,
    statement_timeout: u64,
    lock_timeout: u64,
}

fn read(url: &PostgresUrl, variable: &impl Fn(&str) -> Option<String>) -> Result<PgSettings, String> {
    let sources = Sources::collect(url.with_password(), variable)?;
    let mut draft = Draft {
        config: Config::new(),
        hosts: Vec::new(),
        ports: Vec::new(),
        addresses: Vec::new(),
        connect_timeout: Some(CONNECT_TIMEOUT),
        answer_timeout: Some(ANSWER_TIMEOUT),
        shuffled: false,
        mode: TlsMode::Prefer,
        roots: None,
        certificate: None,
        key: None,
        password_file: None,
        statement_timeout: 0,
        lock_timeout: 0,
    };
    draft.config.application_name("chem");
    // With these limits, a vanished server is noticed within a minute, not after two hours.
    draft.config.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(10));
    draft.config.tcp_user_timeout(Duration::from_secs(60));
    for (parameter, Value { name, text }) in &sources.values {
        draft.set(*parameter, name, text)?;
    }
    if draft.hosts.is_empty() && sources.names_hosts() {
        draft.hosts = sources.hosts.iter().map(|(host, _)| host.clone()).collect();
    }
    if sources.hosts.iter().any(|(_, port)| !port.is_empty()) && !sources.values.contains_key(&Parameter::Port) {
        draft.ports = sources.hosts.iter().map(|(_, port)| port.clone()).collect();
    }
    draft.finish(url, variable)
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
                let address = |text: &str| text.parse().map_err(|_| wrong(name, value, "an IP address"));
                self.addresses = value.split(',').map(address).collect::<Result<_, String>>()?;
            }
            Parameter::PasswordFile => self.password_file = Some(value.into()),
            // `Sources` has already read the service.
            Parameter::Service => {}
            Parameter::TlsMode => {
                self.mode = TlsMode::parse(value).ok_or_else(|| wrong(name, value, TlsMode::NAMES))?
            }
            Parameter::TlsRoots if value == "system" => self.roots = Some(Roots::System),
            Parameter::TlsRoots => self.roots = Some(Roots::File(value.into())),
            Parameter::TlsCertificate => self.certificate = Some(value.into()),
            Parameter::TlsKey => self.key = Some(value.into()),
            // This program has no GSSAPI, so it accepts every mode but `require`.
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
                self.shuffled = match value {
                    "disable" => false,
                    "random" => true,
                    _ => return Err(wrong(name, value, "`disable` or `random`")),
                }
            }
            Parameter::ConnectTimeout => {
                // As in PostgreSQL's own programs, 0 means no limit, and the shortest limit is two seconds.
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
            Parameter::AnswerTimeout => {
                let limit = milliseconds(name, value)?;
                self.answer_timeout = (limit > 0).then(|| Duration::from_millis(limit));
            }
            Parameter::StatementTimeout => self.statement_timeout = milliseconds(name, value)?,
            Parameter::LockTimeout => self.lock_timeout = milliseconds(name, value)?,
        }
        Ok(())
    }

    fn finish(mut self, url: &PostgresUrl, variable: &impl Fn(&str) -> Option<String>) -> Result<PgSettings, String> {
        let ports = self.ports.iter().map(|port| port_of(port)).collect::<Result<Vec<u16>, String>>()?;
        if self.hosts.iter().all(String::is_empty) && self.addresses.is_empty() {
            let socket = format!(".s.PGSQL.{}", ports.first().unwrap_or(&DEFAULT_PORT));
            let local = SOCKET_DIRECTORIES.iter().find(|directory| Path::new(directory).join(&socket).exists());
            self.hosts = vec![local.copied().unwrap_or("localhost").to_owned()];
        }
        if self.hosts.iter().all(String::is_empty) {
            self.hosts.clear();
        } else if self.hosts.iter().any(String::is_empty) {
            return Err("one of its hosts is empty".into());
        }
        let given = self.hosts.len().max(self.addresses.len());
        if !self.hosts.is_empty() && !self.addresses.is_empty() && self.hosts.len() != self.addresses.len() {
            return Err(format!("it has {} hosts and {} addresses", self.hosts.len(), self.addresses.len()));
        }
        if ports.len() > 1 && ports.len() != given {
            return Err(format!("it has {given} hosts and {} ports", ports.len()));
        }
        if let Some(limit) = self.connect_timeout {
            self.config.connect_timeout(limit);
        }
        let target = |index: usize| Target {
            host: self.hosts.get(index).cloned(),
            address: self.addresses.get(index).copied(),
            port: ports.get(index).or(ports.first()).copied().unwrap_or(DEFAULT_PORT),
            config: self.config.clone(),
            mode: self.mode,
        };
        let mut targets: Vec<Target> = (0..given).map(target).collect();
        if self.config.get_password().is_none() {
            self.look_up_passwords(&mut targets, variable);
        }
        let local = targets.iter().all(Target::is_local);
        let mode = if local { TlsMode::Disable } else { self.mode };
        let tls = Tls::new(mode, self.roots, self.certificate.as_deref(), self.key.as_deref())?;
        Ok(PgSettings {
            shown: url.to_string(),
            targets,
            tls,
            shuffled: self.shuffled,
            connect_timeout: self.connect_timeout,
            answer_timeout: self.answer_timeout,
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
        })
    }

    /// Looks up the password of each host in the password file.
    fn look_up_passwords(&self, targets: &mut [Target], variable: &impl Fn(&str) -> Option<String>) {
        let Some(file) = self.password_file.clone().or_else(passfile::usual_file) else { return };
        let user = self.config.get_user().map(str::to_owned);
        let Some(user) = user.or_else(|| variable("USER")).or_else(|| variable("LOGNAME")) else { return };
        let text = passfile::read(&file);
        for target in targets {
            // As in PostgreSQL's own programs, the default socket is called `localhost`.
            let host = match target.host.as_deref() {
                Some(host) if SOCKET_DIRECTORIES.contains(&host) => "localhost".to_owned(),
                Some(host) => host.to_owned(),
                None => target.address.map(|address| address.to_string()).unwrap_or_default(),
            };
            let database = self.config.get_dbname().unwrap_or(&user);
            let place = passfile::Place { host: &host, port: target.port, database, user: &user };
            if let Some(password) = passfile::password(&text, place) {
                target.config.password(password);
            }
        }
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    if !may_be_port(text) {
        let reason = "one of its ports is not a number; is that the password, with `@HOST` missing after it?";
        return Err(reason.to_owned());
    }
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("port", text, "a number from 1 to 65535"))
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
    // The maximum that PostgreSQL allows.
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

    fn settings(text: &str) -> Result<PgSettings, PersistenceError> {
        settings_in(text, |_| None)
    }

    fn settings_in(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<PgSettings, PersistenceError> {
        PgSettings::from_url_and_variables(&text.parse().unwrap(), variable)
    }

    #[test]
    fn an_address_is_taken_apart() {
        let settings = settings(
            "postgres://ada:a%40b@h1:1,[::1]:2,%2Frun%2Fpg/che%6d?target_session_attrs=read-write&statement_timeout=30s\
             &connect_timeout=5&options=-c%20search_path%3Dlab",
        )
        .unwrap();
        let config = &settings.targets[0].config;
        assert_eq!(config.get_user(), Some("ada"));
        assert_eq!(config.get_password(), Some(&b"a@b"[..]));
        assert_eq!(config.get_dbname(), Some("chem"));
        assert_eq!(config.get_options(), Some("-c search_path=lab"));
        let places: Vec<_> = settings.targets.iter().map(|it| (it.host.as_deref().unwrap(), it.port)).collect();
        assert_eq!(places, [("h1", 1), ("::1", 2), ("/run/pg", 5432)]);
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(5)));
        assert_eq!(settings.statement_timeout, 30_000);
    }

    #[test]
    fn the_part_that_is_wrong_is_named_and_the_password_is_not() {
        for (text, part) in [
            ("postgres://u:hunter2@h:54x2/d", "one of its ports is not a number"),
            ("postgres://u:hunter2/d", "`@HOST` missing"),
            ("postgres://u:hunter2", "`@HOST` missing"),
            ("postgres://u:hunter2?sslmode=disable", "`@HOST` missing"),
            ("postgres://u:hunter2,h:12", "`@HOST` missing"),
            ("postgres://u:hun/ter2", "`@HOST` missing"),
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
            ("postgres://u:%zzhunter2@h/d", "password is not percent-encoded"),
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
        let limit = |text: &str| settings(text).unwrap().connect_timeout;
        assert_eq!(limit("postgres://h/d"), Some(Duration::from_secs(10)));
        assert_eq!(limit("postgres://h/d?connect_timeout=1"), Some(Duration::from_secs(2)));
        assert_eq!(limit("postgres://h/d?connect_timeout=0"), None);
    }

    #[test]
    fn a_password_goes_over_a_network_with_tls_or_when_told_to_go_without() {
        let mode = |text: &str| settings(text).unwrap().targets[0].resolved()[0].get_ssl_mode();
        for (text, expected) in [
            ("postgres://u:p@192.0.2.1/d", SslMode::Require),
            ("postgres://u:p@192.0.2.1/d?sslmode=prefer", SslMode::Require),
            ("postgres://u:p@192.0.2.1/d?sslmode=allow", SslMode::Require),
            ("postgres://u:p@h/d?hostaddr=192.0.2.1", SslMode::Require),
            ("postgres://u:p@no-such-host.invalid/d", SslMode::Require),
            ("postgres://u:p@192.0.2.1/d?sslmode=disable", SslMode::Disable),
            ("postgres://u@192.0.2.1/d", SslMode::Prefer),
            ("postgres://u:p@127.0.0.1/d", SslMode::Prefer),
            ("postgres://u:p@[::1]/d", SslMode::Prefer),
            ("postgres://u:p@%2Frun/d", SslMode::Disable),
        ] {
            assert_eq!(mode(text), expected, "{text}");
        }
        let with_variable = settings_in("postgres://u@192.0.2.1/d", |name| (name == "PGPASSWORD").then(|| "p".into()));
        assert_eq!(with_variable.unwrap().targets[0].resolved()[0].get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn a_password_comes_from_the_file_of_passwords_for_its_host() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("passwords");
        std::fs::write(&file, "h2:2:d:ada:two\n*:*:*:*:any\n").unwrap();
        let url = format!("postgres://ada@h1,h2:2/d?passfile={}", file.display());
        let passwords = |url: &str| -> Vec<_> {
            let targets = settings(url).unwrap().targets;
            targets.iter().map(|it| it.config.get_password().map(<[u8]>::to_vec)).collect()
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert_eq!(passwords(&url), [None, None]);
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        assert_eq!(passwords(&url), [Some(b"any".to_vec()), Some(b"two".to_vec())]);
        assert_eq!(passwords(&url.replace("ada@", "ada:own@")), [Some(b"own".to_vec()), Some(b"own".to_vec())]);
    }

    #[test]
    fn the_limit_for_an_answer_can_be_changed() {
        let limit = |text: &str| settings(text).unwrap().answer_timeout;
        assert_eq!(limit("postgres://h/d"), Some(Duration::from_secs(60)));
        assert_eq!(limit("postgres://h/d?answer_timeout=5min"), Some(Duration::from_secs(300)));
        assert_eq!(limit("postgres://h/d?answer_timeout=0"), None);
    }

    #[test]
    fn settings_do_not_show_the_password() {
        let settings = settings("postgres://u:hunter2@h/d").unwrap();
        assert_eq!(format!("{settings:?}"), "PgSettings(postgres://u:***@h/d)");
    }
}
