//! Collects the parts of an address: from the address itself, a service, and the variables of PostgreSQL's own
//! programs.
//!
//! The address takes precedence over its service, and the service over the variables. `settings` interprets the parts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::parts::{Parts, decode};
use super::url::Parameter;
use crate::step::nearest;

/// The variables of PostgreSQL's own programs, and the parameters that they set.
pub(super) const VARIABLES: &[(&str, Parameter)] = &[
    ("PGAPPNAME", Parameter::ApplicationName),
    ("PGCHANNELBINDING", Parameter::ChannelBinding),
    ("PGCONNECT_TIMEOUT", Parameter::ConnectTimeout),
    ("PGDATABASE", Parameter::Database),
    ("PGGSSENCMODE", Parameter::GssMode),
    ("PGHOST", Parameter::Host),
    ("PGHOSTADDR", Parameter::HostAddress),
    ("PGLOADBALANCEHOSTS", Parameter::LoadBalanceHosts),
    ("PGOPTIONS", Parameter::Options),
    ("PGPASSFILE", Parameter::PasswordFile),
    ("PGPASSWORD", Parameter::Password),
    ("PGPORT", Parameter::Port),
    ("PGSERVICE", Parameter::Service),
    ("PGSSLCERT", Parameter::TlsCertificate),
    ("PGSSLKEY", Parameter::TlsKey),
    ("PGSSLMODE", Parameter::TlsMode),
    ("PGSSLROOTCERT", Parameter::TlsRoots),
    ("PGTARGETSESSIONATTRS", Parameter::TargetSession),
    ("PGUSER", Parameter::User),
];

/// Variables that restrict whom to trust, in ways that this program does not support: to ignore them would be to trust
/// more.
const REFUSED: &[&str] = &["PGREQUIREAUTH", "PGREQUIREPEER", "PGREQUIRESSL", "PGSSLCRL", "PGSSLCRLDIR"];

/// The value of a parameter.
pub(super) struct Value {
    /// The name of the parameter in its source.
    pub(super) name: String,
    pub(super) text: String,
}

/// The parts of an address from all sources.
pub(super) struct Sources {
    pub(super) values: BTreeMap<Parameter, Value>,
    /// Pairs of host and port, as written in the address; empty where it names none.
    pub(super) hosts: Vec<(String, String)>,
}

impl Sources {
    /// Collects the parts from `url`, its service and the environment.
    pub(super) fn collect(url: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let parts = Parts::split(url)?;
        let mut own = BTreeMap::new();
        let mut add =
            |parameter, name: &str, text: String| own.insert(parameter, Value { name: name.to_owned(), text });
        let authority = [
            (Parameter::User, "user", &parts.user),
            (Parameter::Password, "password", &parts.password),
            (Parameter::Database, "dbname", &parts.database),
        ];
        for (parameter, name, text) in authority {
            if let Some(text) = text {
                add(parameter, name, text.clone());
            }
        }
        for (name, value) in &parts.parameters {
            let parameter = Parameter::named(name).ok_or_else(|| unknown(name, parts.secret))?;
            let text = decode(value).ok_or_else(|| format!("the value of `{name}` is not percent-encoded UTF-8"))?;
            add(parameter, name, text);
        }
        let mut sources = Self { values: own, hosts: parts.hosts };
        let service = sources.values.get(&Parameter::Service).map(|value| value.text.clone());
        if let Some(service) = service.or_else(|| set("PGSERVICE")) {
            sources.fill_in(read_service(&service, &set)?);
        }
        if let Some(name) = REFUSED.iter().find(|name| set(name).is_some()) {
            return Err(format!(
                "`{name}` is set, and this program cannot do what it asks for; unset it to do without"
            ));
        }
        let variables = VARIABLES.iter().filter_map(|(name, parameter)| {
            let text = set(name)?;
            Some((*parameter, Value { name: (*name).to_owned(), text }))
        });
        sources.fill_in(variables.collect());
        Ok(sources)
    }

    /// Whether the address names a host.
    pub(super) fn names_hosts(&self) -> bool {
        self.hosts.iter().any(|(host, _)| !host.is_empty())
    }

    /// Adds the parameters that are not set yet.
    fn fill_in(&mut self, mut more: BTreeMap<Parameter, Value>) {
        let host_is_known = self.names_hosts()
            || [Parameter::Host, Parameter::HostAddress].iter().any(|host| self.values.contains_key(host));
        if host_is_known {
            // A host name and an IP address from different sources need not be the same host.
            more.remove(&Parameter::Host);
            more.remove(&Parameter::HostAddress);
        }
        if self.hosts.iter().any(|(_, port)| !port.is_empty()) {
            more.remove(&Parameter::Port);
        }
        for (parameter, value) in more {
            self.values.entry(parameter).or_insert(value);
        }
    }
}

/// Reads the service from the first file that defines it.
fn read_service(
    service: &str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<Parameter, Value>, String> {
    let own = match variable("PGSERVICEFILE") {
        Some(file) => Some(PathBuf::from(file)),
        None => std::env::home_dir().map(|home| home.join(".pg_service.conf")),
    };
    let shared = variable("PGSYSCONFDIR").map(|directory| Path::new(&directory).join("pg_service.conf"));
    let files: Vec<PathBuf> = own.into_iter().chain(shared).collect();
    for file in &files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("the file of services `{}` cannot be read: {error}", file.display())),
        };
        if let Some(values) = service_in(&text, service, file)? {
            return Ok(values);
        }
    }
    let files: Vec<String> = files.iter().map(|file| format!("`{}`", file.display())).collect();
    Err(format!("there is no service `{service}` in {}", files.join(" or ")))
}

/// Parses the parameters of `service` in the text of a file; `None` if the file does not define it.
fn service_in(text: &str, service: &str, file: &Path) -> Result<Option<BTreeMap<Parameter, Value>>, String> {
    let mut found: Option<BTreeMap<Parameter, Value>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let line_name = || format!("`{}`, line {number}", file.display());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            found = (name == service).then(BTreeMap::new);
            continue;
        }
        let Some(values) = &mut found else { continue };
        let (name, text) = line.split_once('=').ok_or_else(|| format!("{}: expected `NAME=VALUE`", line_name()))?;
        let (name, text) = (name.trim(), text.trim());
        let parameter = Parameter::named(name)
            .filter(|parameter| *parameter != Parameter::Service)
            .ok_or_else(|| format!("{}: {}", line_name(), unknown(name, false)))?;
        values.entry(parameter).or_insert(Value { name: name.to_owned(), text: text.to_owned() });
    }
    Ok(found)
}

/// Describes a parameter that does not exist. With `secret`, its name may be part of a password.
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

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\n[lab]\nhost=db.lab\nport = 6000\n\n[other]\nhost=elsewhere\nuser=eve\n";

    #[test]
    fn a_service_is_a_section_of_its_file() {
        let read = |service| service_in(FILE, service, Path::new("f")).unwrap();
        let lab = read("lab").unwrap();
        assert_eq!((lab[&Parameter::Host].text.as_str(), lab[&Parameter::Port].text.as_str()), ("db.lab", "6000"));
        assert_eq!(lab.len(), 2);
        assert!(read("lap").is_none());
        let wrong = |text: &str| service_in(text, "a", Path::new("f")).err().unwrap();
        assert_eq!(wrong("[a]\nhost"), "`f`, line 2: expected `NAME=VALUE`");
        assert!(wrong("[a]\nhos=h").contains("`f`, line 2: it has an unknown parameter `hos`; did you mean `host`?"));
    }

    #[test]
    fn the_address_comes_before_its_service_and_that_before_the_variables() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("services");
        std::fs::write(&file, FILE).unwrap();
        let file = file.display().to_string();
        let variable = |name: &str| match name {
            "PGSERVICEFILE" => Some(file.clone()),
            "PGUSER" => Some("ada".to_owned()),
            "PGPORT" => Some("7000".to_owned()),
            "PGHOSTADDR" => Some("192.0.2.1".to_owned()),
            "PGDATABASE" => Some(String::new()),
            _ => None,
        };
        let of = |url: &str| {
            let sources = Sources::collect(url, &variable).unwrap();
            let text = |parameter| sources.values.get(&parameter).map(|value| value.text.clone());
            [Parameter::Host, Parameter::HostAddress, Parameter::Port, Parameter::User, Parameter::Database].map(text)
        };
        let texts = |texts: [Option<&str>; 5]| texts.map(|text| text.map(str::to_owned));
        assert_eq!(of("postgres:///"), texts([None, Some("192.0.2.1"), Some("7000"), Some("ada"), None]));
        let lab = texts([Some("db.lab"), None, Some("6000"), Some("ada"), Some("d")]);
        assert_eq!(of("postgres:///d?service=lab"), lab);
        let other = texts([Some("elsewhere"), None, Some("1"), Some("bob"), None]);
        assert_eq!(of("postgres://bob@/?service=other&port=1"), other);
        assert_eq!(of("postgres://h/"), texts([None, None, Some("7000"), Some("ada"), None]));
        let told = |url: &str| Sources::collect(url, &variable).err().unwrap();
        assert_eq!(told("postgres:///?service=lap"), format!("there is no service `lap` in `{file}`"));
        let told = Sources::collect("postgres:///", &|name: &str| (name == "PGSSLCRL").then(|| "f".to_owned()));
        assert!(told.err().unwrap().starts_with("`PGSSLCRL` is set"));
    }
}
