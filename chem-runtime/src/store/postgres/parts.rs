//! The grammar of a `postgres://…` address.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::url::{Parameter, may_be_port};

/// The parts of an address. All are decoded but the values of parameters.
pub(super) struct Parts {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// Pairs of host and port; either may be empty.
    pub(super) hosts: Vec<(String, String)>,
    pub(super) database: Option<String>,
    pub(super) parameters: Vec<(String, String)>,
    /// Whether an apparent parameter name may be part of a password.
    pub(super) secret: bool,
}

const MISPLACED: &str = "there is an `@` behind its first `/`; in a password write `@` as `%40` and `/` as `%2F`, in the \
                         name of a database `@` as `%40`";

impl Parts {
    /// Splits `scheme://user:password@host:port,…/database?name=value&…` into its parts.
    ///
    /// The error repeats nothing that may be part of the password.
    pub(super) fn split(url: &str) -> Result<Self, String> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        // An `@` after the authority ends a user name or password that was cut off.
        if rest.contains('@') && !authority.contains('@') {
            return Err("in a user name or a password write `/` as `%2F`, `?` as `%3F` and `#` as `%23`".into());
        }
        let (user_info, host_list) = match authority.rsplit_once('@') {
            Some((user_info, hosts)) => (Some(user_info), hosts),
            None => (None, authority),
        };
        let (user, password) = match user_info.map(|text| text.split_once(':').unwrap_or((text, ""))) {
            Some((user, password)) => {
                (part("user name", user)?, part("password", password)?.filter(|text| !text.is_empty()))
            }
            None => (None, None),
        };
        let hosts = host_list.split(',').map(host_and_port).collect::<Result<Vec<_>, String>>()?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if path.contains('@') {
            return Err(MISPLACED.to_owned());
        }
        let database = part("database name", path.trim_start_matches('/'))?;
        let parameters = query
            .split('&')
            .filter(|text| !text.is_empty())
            .map(parameter)
            .collect::<Result<Vec<(String, String)>, String>>()?;
        let secret = query.contains('@')
            || hosts.iter().any(|(_, port)| !may_be_port(port))
            || parameters.iter().any(|(name, _)| name == "password");
        Ok(Self { user, password, hosts, database: database.filter(|name| !name.is_empty()), parameters, secret })
    }
}

fn part(name: &str, text: &str) -> Result<Option<String>, String> {
    match decode(text) {
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => Ok(Some(text)),
        None => Err(format!("its {name} is not percent-encoded UTF-8; write `%` as `%25`")),
    }
}

fn host_and_port(text: &str) -> Result<(String, String), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("one of its hosts has a `[` and no `]`")?;
            (host, rest.strip_prefix(':').unwrap_or(rest))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    Ok((part("host", host)?.unwrap_or_default(), port.to_owned()))
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| match Parameter::named(text) {
        Some(_) => format!("its parameter `{text}` has no value"),
        // It may be part of a password.
        None => "one of its parameters has no value; in a password write `&` as `%26` and `?` as `%3F`".to_owned(),
    })?;
    let name = part("list of parameters", name)?.ok_or("one of its parameters has no name")?;
    Ok((name, value.to_owned()))
}

/// Decodes percent-encoded text; `None` if a `%` is not followed by two hexadecimal digits (which the library accepts),
/// or if the result is not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let is_encoded =
        |rest: &str| matches!(rest.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(is_encoded) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_whole_or_not_at_all() {
        let cases = [
            ("", Some("")),
            ("a+b", Some("a+b")),
            ("p%40ss%2Fw%c3%BCrd%25", Some("p@ss/würd%")),
            ("%2540", Some("%40")),
        ];
        for (text, decoded) in cases {
            assert_eq!(decode(text).as_deref(), decoded, "{text}");
        }
        for text in ["%", "a%4", "%zz", "%%41", "100%é", "%+1", "%ff", "%C3"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
