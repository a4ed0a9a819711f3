//! Runs a temporary server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use super::user::OrdinaryUser;
use super::{Binaries, ServerSettings};

/// A PostgreSQL server in a temporary directory. Stopped and removed on drop, and also if the process ends without
/// dropping it.
#[derive(Debug)]
pub struct PostgresServer {
    binaries: Binaries,
    user: Option<OrdinaryUser>,
    directory: PathBuf,
    port: u16,
    settings: ServerSettings,
    postmaster: Option<Child>,
    janitor: Child,
}

/// Waits for the test process to end, in whatever way, then stops and removes the server. Runs in its own process group,
/// so that Ctrl-C at the terminal does not reach it.
const JANITOR: &str = r#"
cat > /dev/null
if [ -f "$1/data/postmaster.pid" ]; then
    kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")" 2> /dev/null
    tries=0
    while [ -f "$1/data/postmaster.pid" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
fi
rm -rf "$1"
"#;

impl PostgresServer {
    /// Creates a server and waits until it accepts connections.
    pub fn start(binaries: &Binaries, settings: ServerSettings) -> Result<Self, String> {
        let server = Self::prepare(binaries, settings)?;
        let data = server.data();
        let mut initdb = server.command("initdb");
        initdb.args(["--no-sync", "--auth=trust", "--username=chem", "--encoding=UTF8", "--no-locale", "--pgdata"]);
        server.run(initdb.arg(&data))?;
        server.begin()
    }

    /// Creates a hot standby of this server, which streams from it under the name `standby`.
    pub fn standby(&self, settings: ServerSettings) -> Result<Self, String> {
        let server = Self::prepare(&self.binaries, settings)?;
        let mut backup = server.command("pg_basebackup");
        backup.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]);
        backup.args(["--dbname", &format!("{}&application_name=standby", self.libpq_url("postgres")), "--pgdata"]);
        server.run(backup.arg(server.data()))?;
        server.begin()
    }

    fn prepare(binaries: &Binaries, settings: ServerSettings) -> Result<Self, String> {
        // The path of a Unix socket is limited to about a hundred characters, and the server's user must be able to enter
        // every directory in it. The test's own temporary directory is often too long or not accessible.
        let directory = tempfile::Builder::new().prefix("chem-pg-").tempdir_in("/tmp");
        let directory = directory.map_err(|error| format!("/tmp: {error}"))?.keep();
        let user = OrdinaryUser::needed(&directory)?;
        if let Some(user) = user {
            user.owns(&directory)?;
        }
        let mut janitor = Command::new("sh");
        janitor.args(["-c", JANITOR, "janitor"]).arg(&directory).current_dir("/");
        detach(&mut janitor, user);
        let janitor = janitor.stdin(Stdio::piped()).spawn().map_err(|error| format!("sh: {error}"))?;
        let port = if settings.tcp { free_port()? } else { 5432 };
        let binaries = binaries.clone();
        Ok(Self { binaries, user, directory, port, settings, postmaster: None, janitor })
    }

    fn begin(mut self) -> Result<Self, String> {
        let configuration = self.settings.configuration_file(&self.directory.to_string_lossy(), self.port);
        self.write("data/postgresql.auto.conf", &configuration, true)?;
        if let Some((certificate, key)) = self.settings.certificate.clone() {
            self.write("data/server.crt", &certificate, false)?;
            self.write("data/server.key", &key, false)?;
        }
        if let Some(authority) = self.settings.client_authority.clone() {
            self.write("data/clients.crt", &authority, false)?;
            self.write(
                "data/pg_hba.conf",
                "local all all trust\nhostssl all all all trust clientcert=verify-ca\n",
                false,
            )?;
        }
        self.restart()?;
        Ok(self)
    }

    /// Starts a server that was killed, and waits until it accepts connections.
    pub fn restart(&mut self) -> Result<(), String> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        detach(&mut command, self.user);
        let log = std::fs::File::options().create(true).append(true).open(self.directory.join("log"));
        command.stderr(log.map_err(|error| error.to_string())?);
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            let mut postmaster = command.spawn().map_err(|error| format!("postgres: {error}"))?;
            // The server exits at once while processes of a killed server are still running.
            while postmaster.try_wait().map_err(|error| error.to_string())?.is_none() {
                if Client::connect(&self.url("postgres"), NoTls).is_ok() {
                    self.postmaster = Some(postmaster);
                    return Ok(());
                }
                if Instant::now() > deadline {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        Err(format!("the server does not answer; its log says:\n{log}"))
    }

    /// Kills the server with SIGKILL. Its child processes exit once they notice.
    ///
    /// # Panics
    /// If the server is not running.
    pub fn kill(&mut self) {
        let mut postmaster = self.postmaster.take().expect("the server is running");
        postmaster.kill().expect("the server can be killed");
        postmaster.wait().expect("the server can be waited for");
    }

    /// Promotes this standby to a primary, and waits until it is one.
    pub fn promote(&self) -> Result<(), String> {
        self.run(self.command("pg_ctl").args(["promote", "--wait", "--pgdata"]).arg(self.data()))
    }

    /// Returns the URL of a database on this server, through its Unix socket.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://chem@{}/{database}", self.host())
    }

    /// Returns the host part of a URL for the Unix socket, with the port.
    pub fn host(&self) -> String {
        format!("{}:{}", self.directory.to_string_lossy().replace('/', "%2F"), self.port)
    }

    /// Returns the port number. The server listens on it on 127.0.0.1 only if its settings have `tcp`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path of the Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Returns a command for one of PostgreSQL's programs, to run as the server's user.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.program(program));
        command.current_dir("/").env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
        if let Some(user) = self.user {
            user.runs(&mut command);
        }
        command
    }

    /// Returns a connection string for PostgreSQL's own programs.
    pub fn libpq_url(&self, database: &str) -> String {
        format!("postgresql:///{database}?user=chem&host={}&port={}", self.directory.display(), self.port)
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn run(&self, command: &mut Command) -> Result<(), String> {
        let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
        let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.status.success().then_some(()).ok_or_else(said)
    }

    fn write(&self, name: &str, content: &str, append: bool) -> Result<(), String> {
        use std::io::Write as _;
        let path: &Path = &self.directory.join(name);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = std::fs::File::options()
            .create(true)
            .append(append)
            .write(true)
            .truncate(!append)
            .open(path)
            .map_err(failed)?;
        file.write_all(content.as_bytes()).map_err(failed)?;
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        self.user.map_or(Ok(()), |user| user.owns(path))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Closing the janitor's input makes it remove the server. Its failures go unreported.
        drop(self.janitor.stdin.take());
        if let Some(mut postmaster) = self.postmaster.take() {
            let _ = postmaster.wait();
        }
        let _ = self.janitor.wait();
    }
}

fn detach(command: &mut Command, user: Option<OrdinaryUser>) {
    use std::os::unix::process::CommandExt as _;
    if let Some(user) = user {
        user.runs(command);
    }
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}
