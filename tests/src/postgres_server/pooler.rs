//! A connection pooler that runs each transaction in the next of its server sessions.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The code of a client's request for TLS, which the pooler refuses.
const TLS_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// A transaction pooler on a port of 127.0.0.1, which runs until the process ends.
#[derive(Debug)]
pub struct TransactionPooler {
    port: u16,
}

/// The server sessions that all clients share, and the server's response to the startup message.
#[derive(Default)]
struct Sessions {
    open: Vec<UnixStream>,
    greeting: Vec<u8>,
    next: usize,
}

impl TransactionPooler {
    /// Starts a pooler with `sessions` sessions for the server at `socket`.
    ///
    /// # Panics
    /// If no port is free.
    pub fn start(socket: PathBuf, sessions: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let shared = Arc::new(Mutex::new(Sessions::default()));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (shared, socket) = (shared.clone(), socket.clone());
                thread::spawn(move || serve(client, &socket, sessions, &shared));
            }
        });
        Self { port }
    }

    /// Returns the port on which the pooler listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn serve(mut client: TcpStream, socket: &Path, count: usize, shared: &Mutex<Sessions>) -> Result<()> {
    let lock = || -> MutexGuard<'_, Sessions> { shared.lock().unwrap_or_else(PoisonError::into_inner) };
    let mut startup = with_length(&mut client)?;
    if startup[4..8] == TLS_REQUEST {
        client.write_all(b"N")?;
        startup = with_length(&mut client)?;
    }
    let mut sessions = lock();
    while sessions.open.len() < count {
        let mut session = UnixStream::connect(socket)?;
        session.write_all(&startup)?;
        sessions.greeting = until_ready(&mut session)?;
        sessions.open.push(session);
    }
    client.write_all(&sessions.greeting)?;
    drop(sessions);
    loop {
        let mut request = Vec::new();
        while !matches!(request.last(), Some((b'Q' | b'S', _))) {
            let message = message(&mut client)?;
            if message.0 == b'X' {
                return Ok(());
            }
            request.push(message);
        }
        let mut sessions = lock();
        let turn = sessions.next % count;
        sessions.next += 1;
        let session = &mut sessions.open[turn];
        for (_, bytes) in request {
            session.write_all(&bytes)?;
        }
        let answer = until_ready(session)?;
        client.write_all(&answer)?;
    }
}

/// Reads a message that begins with its length.
fn with_length(stream: &mut impl Read) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let rest = (u32::from_be_bytes(length) as usize).checked_sub(4).ok_or(Error::from(ErrorKind::InvalidData))?;
    let mut bytes = length.to_vec();
    bytes.resize(4 + rest, 0);
    stream.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}

/// Reads a message that begins with its kind, and returns the kind and the whole message.
fn message(stream: &mut impl Read) -> Result<(u8, Vec<u8>)> {
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    let bytes = [&kind[..], &with_length(stream)?].concat();
    Ok((kind[0], bytes))
}

/// Reads the server's messages up to and including `ReadyForQuery`.
fn until_ready(session: &mut UnixStream) -> Result<Vec<u8>> {
    let mut answer = Vec::new();
    loop {
        let (kind, bytes) = message(session)?;
        answer.extend(bytes);
        if kind == b'Z' {
            return Ok(answer);
        }
    }
}
