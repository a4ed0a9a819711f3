//! The URL of a PostgreSQL database, displayed without its password.
//!
//! This module only stores the URL and parses it far enough to mask what may be secret. `settings` interprets it.

use std::fmt;
use std::str::FromStr;

use crate::store::InvalidStoreUrl;

/// The schemes of these URLs.
pub(super) const SCHEMES: &[&str] = &["postgres", "postgresql"];

/// The URL of a PostgreSQL database. `Display` and `Debug` mask its password.
///
/// ```
/// use chem_runtime::store::postgres::PostgresUrl;
///
/// let url: PostgresUrl = "postgres://ada:secret@db.example/chem".parse()?;
/// assert_eq!(url.to_string(), "postgres://ada:***@db.example/chem");
/// # Ok::<_, chem_runtime::store::InvalidStoreUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    /// Returns the URL with its password, for connecting.
    pub fn with_password(&self) -> &str {
        &self.0
    }
}

impl FromStr for PostgresUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        let parts = text.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
        let Some((scheme, rest)) = parts.filter(|(scheme, _)| SCHEMES.contains(&scheme.as_str())) else {
            return Err(InvalidStoreUrl::new("the address does not begin with `postgres:`"));
        };
        match rest.strip_prefix("//") {
            Some(location) if !location.is_empty() => Ok(Self(format!("{scheme}:{rest}"))),
            _ => Err(InvalidStoreUrl::new(format!("`{scheme}:` is followed by `//` and the location of a database"))),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("//").unwrap_or(("", &self.0));
        write!(f, "{scheme}//")?;
        // Real passwords may contain `@`, `/`, `?` and `&`, unescaped. Therefore everything from the first colon to the
        // last `@` is treated as a password, even if that masks more than necessary.
        let rest = match rest.rsplit_once('@') {
            // This `@` may end a password that contains a `?`, or be part of a password in a parameter.
            Some((before, _)) if before.contains('?') => {
                let begin = rest.find([':', '?']).map_or(0, |index| index + 1);
                return write!(f, "{}***", &rest[..begin]);
            }
            Some((user, rest)) => {
                match user.split_once(':') {
                    Some((name, _)) => write!(f, "{name}:***@")?,
                    None => write!(f, "{user}@")?,
                }
                rest
            }
            None => rest,
        };
        let (rest, options) = rest.split_once('?').map_or((rest, None), |(rest, options)| (rest, Some(options)));
        let (hosts, database) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        for (index, host) in hosts.split(',').enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            match host.split_once(':') {
                // The rest may be part of the password too.
                Some((name, port)) if !host.starts_with('[') && !may_be_port(port) => return write!(f, "{name}:***"),
                _ => f.write_str(host)?,
            }
        }
        f.write_str(database)?;
        let Some(options) = options else {
            return Ok(());
        };
        for (index, option) in options.split('&').enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match option.split_once('=').map(|(name, value)| (name, value, Parameter::named(name))) {
                Some((name, _, Some(Parameter::Password))) => write!(f, "{name}=***")?,
                Some((name, value, Some(_))) => write!(f, "{name}={value}")?,
                _ => f.write_str("***")?,
            }
        }
        Ok(())
    }
}

/// Returns whether `text`, found after a host's colon, can be a port. If not, it may be a password whose `@HOST` is
/// missing.
pub(super) fn may_be_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// A parameter in the query of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parameter {
    AnswerTimeout,
    ApplicationName,
    ChannelBinding,
    ConnectTimeout,
    Database,
    GssMode,
    Host,
    HostAddress,
    Keepalives,
    KeepalivesCount,
    KeepalivesIdle,
    KeepalivesInterval,
    LoadBalanceHosts,
    LockTimeout,
    Options,
    Password,
    PasswordFile,
    Port,
    Service,
    TlsCertificate,
    TlsKey,
    TlsMode,
    TlsRoots,
    StatementTimeout,
    TargetSession,
    TcpUserTimeout,
    User,
}

impl Parameter {
    /// All parameters with their names, ordered by name.
    pub(super) const ALL: &[(&str, Self)] = &[
        ("answer_timeout", Self::AnswerTimeout),
        ("application_name", Self::ApplicationName),
        ("channel_binding", Self::ChannelBinding),
        ("connect_timeout", Self::ConnectTimeout),
        ("dbname", Self::Database),
        ("gssencmode", Self::GssMode),
        ("host", Self::Host),
        ("hostaddr", Self::HostAddress),
        ("keepalives", Self::Keepalives),
        ("keepalives_count", Self::KeepalivesCount),
        ("keepalives_idle", Self::KeepalivesIdle),
        ("keepalives_interval", Self::KeepalivesInterval),
        ("load_balance_hosts", Self::LoadBalanceHosts),
        ("lock_timeout", Self::LockTimeout),
        ("options", Self::Options),
        ("passfile", Self::PasswordFile),
        ("password", Self::Password),
        ("port", Self::Port),
        ("service", Self::Service),
        ("sslcert", Self::TlsCertificate),
        ("sslkey", Self::TlsKey),
        ("sslmode", Self::TlsMode),
        ("sslrootcert", Self::TlsRoots),
        ("statement_timeout", Self::StatementTimeout),
        ("target_session_attrs", Self::TargetSession),
        ("tcp_user_timeout", Self::TcpUserTimeout),
        ("user", Self::User),
    ];

    /// Returns the parameter with this name; `None` if it is unknown.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, parameter)| *parameter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreUrl;

    #[test]
    fn a_url_keeps_its_scheme_in_lower_case() {
        let url: PostgresUrl = "PostgreSQL://u:p@h/d".parse().unwrap();
        assert_eq!(url.with_password(), "postgresql://u:p@h/d");
        for text in ["postgres:h/d", "postgres://"] {
            let error = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(error.contains("followed by `//`"), "{text}: {error}");
        }
        assert!("sqlite:a.db".parse::<PostgresUrl>().is_err());
    }

    #[test]
    fn a_password_is_never_printed() {
        for (text, shown) in [
            ("postgres://u:hunter2@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:hun/ter2@h/d", "postgres://u:***@h/d"),
            ("postgres://u:hun@t?er2@h/d", "postgres://u:***"),
            ("postgres://u@h/d?hunter2@x", "postgres://u@h/d?***"),
            ("postgres://u@h/d?password=hunter2&sslmode=require", "postgres://u@h/d?password=***&sslmode=require"),
            ("postgres://u@h/d?pass%77ord=hunter2", "postgres://u@h/d?***"),
            ("postgres://u@h/d?password=hun&ter2=1", "postgres://u@h/d?password=***&***"),
            ("postgres://u@h/d?password=hun@ter2", "postgres://u@h/d?***"),
            ("postgres://u@h:1/d?password=hun@ter2", "postgres://u@h:***"),
            ("postgres://u:hu?n=ter2@h/d", "postgres://u:***"),
            ("postgres://u@h/d?hunter2", "postgres://u@h/d?***"),
            ("postgres://u:hunter2", "postgres://u:***"),
            ("postgres://u:hunter2/d", "postgres://u:***"),
            ("postgres://u:hun/ter2", "postgres://u:***"),
            ("postgres://u:hun?ter2", "postgres://u:***"),
            ("postgres://u:hunter2,h:12/d", "postgres://u:***"),
            (
                "postgres://h/d?statement_timeout=1s&gssencmode=disable",
                "postgres://h/d?statement_timeout=1s&gssencmode=disable",
            ),
            ("postgres://u@h1:1,h2:2/d", "postgres://u@h1:1,h2:2/d"),
            ("postgres://[::1]:5432/d", "postgres://[::1]:5432/d"),
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("ter2"), "{url:?}");
        }
        for text in ["u:hunter2@h/d", "host=h password=hunter2", "postgres:u:hunter2@h/d", "pg://u:hunter2@h/d"] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
