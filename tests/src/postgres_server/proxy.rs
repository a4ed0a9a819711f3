//! A proxy in front of a server that can drop requests and responses.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How the proxy handles traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Forwards all traffic.
    Passes,
    /// Drops the next bytes from a client, and its connection. The server never receives them.
    LosesNextRequest,
    /// Forwards the next bytes from a client, and closes the connection instead of forwarding the response. The server has
    /// executed the request, and the client does not know.
    LosesNextAnswer,
    /// Discards requests from now on, and keeps connections open.
    IsSwallowed,
}

/// A proxy from a port of 127.0.0.1 to a server's Unix socket, which runs until the process ends.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    traffic: Arc<Mutex<Traffic>>,
}

impl Proxy {
    /// Starts a proxy for the server at `socket`.
    ///
    /// # Panics
    /// If no port is free.
    pub fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let traffic = Arc::new(Mutex::new(Traffic::Passes));
        let shared = traffic.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let _ = join(client, &socket, &shared);
            }
        });
        Self { port, traffic }
    }

    /// Returns the port on which the proxy listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets how the proxy handles traffic from now on. A loss happens once; then traffic passes again.
    pub fn traffic(&self, traffic: Traffic) {
        *self.traffic.lock().unwrap_or_else(PoisonError::into_inner) = traffic;
    }
}

fn join(client: TcpStream, socket: &Path, traffic: &Arc<Mutex<Traffic>>) -> std::io::Result<()> {
    let server = UnixStream::connect(socket)?;
    let loses_answer = Arc::new(Mutex::new(false));
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let (traffic, armed) = (traffic.clone(), loses_answer.clone());
    thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut buffer) {
            let mut traffic = traffic.lock().unwrap_or_else(PoisonError::into_inner);
            if *traffic == Traffic::IsSwallowed {
                continue;
            }
            match std::mem::replace(&mut *traffic, Traffic::Passes) {
                Traffic::Passes | Traffic::IsSwallowed => {}
                Traffic::LosesNextRequest => break,
                Traffic::LosesNextAnswer => *armed.lock().unwrap_or_else(PoisonError::into_inner) = true,
            }
            drop(traffic);
            if to_server.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = (from_client.shutdown(Shutdown::Both), to_server.shutdown(Shutdown::Both));
    });
    let (mut to_client, mut from_server) = (client, server);
    thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut buffer) {
            let lost = *loses_answer.lock().unwrap_or_else(PoisonError::into_inner);
            if lost || to_client.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = (from_server.shutdown(Shutdown::Both), to_client.shutdown(Shutdown::Both));
    });
    Ok(())
}
