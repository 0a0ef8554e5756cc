//! The files that stand beside a database.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The file of this purpose beside the database.
pub(super) fn beside(path: &Path, purpose: &str) -> PathBuf {
    with_suffix(path, &format!(".{purpose}"))
}

/// The write-ahead log of a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}

/// The index of that log, of which nothing needs to be kept.
pub(super) fn log_index_of(path: &Path) -> PathBuf {
    with_suffix(path, "-shm")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes names durable: those of the files beside `path`.
pub(super) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    Ok(File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?)
}

/// Removes a file, if there is one.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why.into()),
        _ => Ok(()),
    }
}

/// Removes a database with everything that stands beside it, what was set aside too. It must be closed.
pub fn erase(path: &Path) -> Result<(), StoreError> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = path.file_name() else { return Ok(()) };
    for file in std::fs::read_dir(directory)? {
        let file = file?;
        let found = file.file_name();
        let rest = found.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
        let is_ours = |rest: &[u8]| rest.is_empty() || OURS.iter().any(|ours| rest.starts_with(ours.as_bytes()));
        if rest.is_some_and(is_ours) {
            remove(&file.path())?;
        }
    }
    sync_directory(path)
}

/// What follows the name of the database in the names of the files beside it.
const OURS: [&str; 7] = ["-wal", "-shm", ".reserve", ".partial", ".carried", ".before-migration", ".damaged-"];

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Failed(error.to_string()),
        }
    }
}
