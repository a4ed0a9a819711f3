//! Configures a temporary server.

/// Whether commits survive a crash of the machine. They survive a crash of the server either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Commits do not wait for the disk.
    #[default]
    Fast,
    /// Commits wait for the disk, as in production.
    Durable,
}

/// The settings of a temporary server.
#[derive(Debug, Clone, Default)]
pub struct ServerSettings {
    /// Whether commits survive a crash of the machine.
    pub durability: Durability,
    /// Whether the server also listens on a port of 127.0.0.1, besides its Unix socket.
    pub tcp: bool,
    /// Additional settings for `postgresql.conf`, as name and value.
    pub configuration: Vec<(&'static str, String)>,
    /// The certificate and key for TLS, in PEM. `None` disables TLS.
    pub certificate: Option<(String, String)>,
    /// The authority that must have signed the certificates of clients, in PEM. `None` requires no client certificate.
    pub client_authority: Option<String>,
}

impl ServerSettings {
    /// Returns the settings of production: commits wait for the disk.
    pub fn durable() -> Self {
        Self { durability: Durability::Durable, ..Self::default() }
    }

    /// Adds a setting for `postgresql.conf`.
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
