//! The address of a PostgreSQL database, shown without its password.
//!
//! What the address means is for the one who connects; here it is only kept, and taken apart far enough to hide what may
//! be secret.

use std::fmt;

/// The address of a PostgreSQL database, whose password is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The address with its password, for the one who connects.
    pub fn with_password(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, place) = self.0.split_once("//").unwrap_or(("", &self.0));
        write!(f, "{scheme}//")?;
        // Passwords are found in the wild with `@`, `/` and `?` in them, unescaped. So everything from the first colon
        // to the last `@` is one, even where that hides more than it has to.
        let place = match place.rsplit_once('@') {
            Some((user, place)) => {
                match user.split_once(':') {
                    Some((name, _)) => write!(f, "{name}:***@")?,
                    None => write!(f, "{user}@")?,
                }
                place
            }
            None => place,
        };
        let (place, options) = place.split_once('?').map_or((place, None), |(place, options)| (place, Some(options)));
        let (hosts, database) = place.split_at(place.find('/').unwrap_or(place.len()));
        write_hosts(f, hosts)?;
        f.write_str(database)?;
        let Some(options) = options else {
            return Ok(());
        };
        f.write_str("?")?;
        for (index, option) in options.split('&').enumerate() {
            let separator = if index == 0 { "" } else { "&" };
            match option.split_once('=') {
                Some((name, value)) if may_be_shown(name) => write!(f, "{separator}{name}={value}")?,
                Some((name, _)) => write!(f, "{separator}{name}=***")?,
                None => write!(f, "{separator}***")?,
            }
        }
        Ok(())
    }
}

/// Writes `host:port,…`. What follows a host's colon and is no port may be a password whose `@` was forgotten.
fn write_hosts(f: &mut fmt::Formatter<'_>, hosts: &str) -> fmt::Result {
    for (index, host) in hosts.split(',').enumerate() {
        f.write_str(if index == 0 { "" } else { "," })?;
        match host.split_once(':') {
            Some((name, port)) if !host.starts_with('[') && !port.bytes().all(|digit| digit.is_ascii_digit()) => {
                write!(f, "{name}:***")?;
            }
            _ => f.write_str(host)?,
        }
    }
    Ok(())
}

/// Whether the value of this option is known to be no secret.
fn may_be_shown(option: &str) -> bool {
    const PLAIN: &[&str] = &[
        "application_name",
        "channel_binding",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_idle",
        "load_balance_hosts",
        "options",
        "port",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    ];
    PLAIN.contains(&option)
}

#[cfg(test)]
mod tests {
    use crate::store::StoreUrl;

    #[test]
    fn a_password_is_never_printed() {
        for (text, shown) in [
            ("postgres://u:hunter2@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:hun/ter2@h/d", "postgres://u:***@h/d"),
            ("postgres://u:hun@t?er2@h/d", "postgres://u:***@h/d"),
            ("postgres://u@h/d?password=hunter2&sslmode=require", "postgres://u@h/d?password=***&sslmode=require"),
            ("postgres://u@h/d?pass%77ord=hunter2", "postgres://u@h/d?pass%77ord=***"),
            ("postgres://u@h/d?hunter2", "postgres://u@h/d?***"),
            ("postgres://u:hunter2", "postgres://u:***"),
            ("postgres://u:hunter2/d", "postgres://u:***/d"),
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
