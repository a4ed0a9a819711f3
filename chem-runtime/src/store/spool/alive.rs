//! Shows that the holders of leases are alive: each touches a file, and the time of that file is the file server's.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use uuid::Uuid;

use super::files::Directory;
use crate::store::{LeaseTerms, PersistenceError};

/// The sign of life of one opened store, and a reader of those of others.
#[derive(Debug)]
pub(super) struct SignsOfLife {
    files: Arc<Directory>,
    directory: PathBuf,
    terms: LeaseTerms,
    me: Uuid,
    shared: Arc<Shared>,
    /// The time of the file server, and when it was read.
    server: Mutex<Option<(Instant, SystemTime)>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Debug, Default)]
struct State {
    begun: bool,
    over: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignsOfLife {
    /// Creates the sign of life `me` in `directory`, which is not shown yet.
    pub(super) fn new(files: Arc<Directory>, directory: PathBuf, terms: LeaseTerms, me: Uuid) -> Self {
        Self { files, directory, terms, me, shared: Arc::default(), server: Mutex::default() }
    }

    /// Begins to show that this process is alive, and returns the name of its sign.
    pub(super) fn show(&self) -> Result<Uuid, PersistenceError> {
        let mut state = self.shared.state();
        if !state.begun {
            self.files.make(&self.directory)?;
            let path = self.directory.join(self.me.to_string());
            if let Err(error) = self.files.create(&path)
                && error.kind() != ErrorKind::AlreadyExists
            {
                return Err(self.files.failed("write", error));
            }
            let (shared, files, every) = (self.shared.clone(), self.files.clone(), self.terms.shows_every);
            let thread = std::thread::Builder::new().name("chem-leases".into());
            // Without the thread the leases lapse, and the writer is fenced only if another one takes over.
            state.begun = thread.spawn(move || keep_showing(&shared, &files, &path, every)).is_ok();
        }
        Ok(self.me)
    }

    /// Returns whether the holder with this sign has shown it lately, by the clock of the file server.
    pub(super) fn is_shown(&self, sign: Uuid) -> Result<bool, PersistenceError> {
        if sign == self.me {
            return Ok(true);
        }
        // An opened file and directory have the attributes that the server has, not those of a cache.
        self.files.look_again(&self.directory)?;
        let shown = File::open(self.directory.join(sign.to_string())).and_then(|file| file.metadata()?.modified());
        match shown {
            Ok(shown) => Ok(self.server_time().duration_since(shown).unwrap_or_default() < self.terms.lapses_after),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.files.failed("read", error)),
        }
    }

    /// Returns the time of the file server; that of this machine if nothing can be written.
    fn server_time(&self) -> SystemTime {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let known = server.filter(|(read, _)| read.elapsed() < self.terms.shows_every);
        let (read, time) =
            known.unwrap_or_else(|| (Instant::now(), self.probe().unwrap_or_else(|_| SystemTime::now())));
        *server = Some((read, time));
        time + read.elapsed()
    }

    fn probe(&self) -> io::Result<SystemTime> {
        let path = self.directory.join(format!(".{}", Uuid::new_v4()));
        let time = self.files.create(&path).and_then(|file| file.metadata()?.modified());
        let _ = fs::remove_file(&path);
        time
    }
}

impl Drop for SignsOfLife {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.over = true;
        self.shared.over.notify_all();
        if state.begun {
            // A sign that stays lapses.
            let _ = fs::remove_file(self.directory.join(self.me.to_string()));
        }
    }
}

fn keep_showing(shared: &Shared, files: &Directory, path: &Path, every: Duration) {
    let mut state = shared.state();
    loop {
        let waited = shared.over.wait_timeout_while(state, every, |state| !state.over);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.over {
            return;
        }
        // The lock is held, so that a sign which is withdrawn is not shown again.
        if let Err(error) = touch(path).or_else(|_| files.create(path).map(drop)) {
            tracing::warn!(%error, "this process could not show the others that it is alive");
        }
    }
}

/// Sets the time of a file to the server's.
fn touch(path: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    #[cfg(unix)]
    {
        use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
        let at = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        futimens(&file, &Timestamps { last_access: at(UTIME_OMIT), last_modification: at(UTIME_NOW) })?;
        Ok(())
    }
    #[cfg(not(unix))]
    file.set_modified(SystemTime::now())
}
