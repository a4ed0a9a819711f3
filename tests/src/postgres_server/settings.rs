//! How a throw-away server is set up.

/// Whether what is committed survives a crash of the machine. A crash of the server is survived either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// No: commits do not wait for the disk.
    #[default]
    Fast,
    /// Yes, as in production.
    Durable,
}

/// How a throw-away server is set up.
#[derive(Debug, Clone, Default)]
pub struct ServerSettings {
    /// Whether commits wait for the disk.
    pub durability: Durability,
    /// Whether it listens on a port of 127.0.0.1 besides its Unix socket.
    pub tcp: bool,
    /// More lines for `postgresql.conf`.
    pub configuration: Vec<(&'static str, String)>,
    /// Certificate and key for TLS, in PEM.
    pub certificate: Option<(String, String)>,
    /// Whose certificates clients have to show, in PEM.
    pub client_authority: Option<String>,
}

impl ServerSettings {
    /// As in production: commits wait for the disk.
    pub fn durable() -> Self {
        Self { durability: Durability::Durable, ..Self::default() }
    }

    /// The same with one more line for `postgresql.conf`.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.configuration.push((name, value.into()));
        self
    }

    pub(super) fn configuration_file(&self, socket_directory: &str, port: u16) -> String {
        let mut lines = vec![
            ("unix_socket_directories", socket_directory.to_owned()),
            ("listen_addresses", if self.tcp { "127.0.0.1".into() } else { String::new() }),
            ("port", port.to_string()),
            ("max_connections", "200".into()),
            ("shared_buffers", "64MB".into()),
            ("timezone", "UTC".into()),
        ];
        if self.durability == Durability::Fast {
            lines.extend([
                ("fsync", "off".to_owned()),
                ("full_page_writes", "off".into()),
                ("synchronous_commit", "off".into()),
            ]);
        }
        if self.certificate.is_some() {
            lines.push(("ssl", "on".into()));
        }
        if self.client_authority.is_some() {
            lines.push(("ssl_ca_file", "clients.crt".into()));
        }
        lines.extend(self.configuration.iter().cloned());
        lines.into_iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect()
    }
}
