//! A file that several threads read at once, each at a place of its own.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// A file that is only read. The library's own reader of a [`File`] seeks in a duplicate of its descriptor; duplicates share
/// one position, so that two threads would read each other's bytes.
#[derive(Debug, Clone)]
pub(super) struct SharedFile {
    file: Arc<Mutex<File>>,
    length: u64,
}

impl SharedFile {
    /// Shares `file`. All who read it take the lock, and seek first.
    ///
    /// # Errors
    /// Fails if its length cannot be found.
    pub(super) fn new(file: &Arc<Mutex<File>>) -> io::Result<Self> {
        let length = file.lock().unwrap_or_else(PoisonError::into_inner).metadata()?.len();
        Ok(Self { file: file.clone(), length })
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<ReadAt>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(ReadAt { file: self.file.clone(), next: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // A damaged file can ask for more than there is.
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} are more than the file has")));
        }
        let mut bytes = vec![0; length];
        ReadAt { file: self.file.clone(), next: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads a file from a place on.
#[derive(Debug)]
pub(super) struct ReadAt {
    file: Arc<Mutex<File>>,
    /// The place of the next byte.
    next: u64,
}

impl Read for ReadAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.next))?;
        let read = file.read(buffer)?;
        self.next += read as u64;
        Ok(read)
    }
}
