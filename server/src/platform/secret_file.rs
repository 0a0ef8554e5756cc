//! A 32-byte secret kept in a file of its own that only its owner can read.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::hex;
use super::random::Random;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    #[error("cannot {doing} the secret in {}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} does not hold 32 bytes, raw or as 64 hexadecimal digits", path.display())]
    NotASecret { path: PathBuf },
}

/// The secret of this file: 32 bytes, raw or as hexadecimal text.
pub fn read(path: &Path) -> Result<[u8; 32], SecretFileError> {
    let io_error = |source| SecretFileError::Io { doing: "read", path: path.to_owned(), source };
    let bytes = fs::read(path).map_err(io_error)?;
    let raw = <[u8; 32]>::try_from(bytes.as_slice()).ok();
    let text = || std::str::from_utf8(&bytes).ok().and_then(|text| hex::decode_exactly(text.trim()));
    raw.or_else(text).ok_or_else(|| SecretFileError::NotASecret { path: path.to_owned() })
}

/// The secret of this file, which is made if there is none. Of two processes that make it at once, one wins and both
/// have the same.
pub fn read_or_create(path: &Path, random: Random) -> Result<[u8; 32], SecretFileError> {
    match read(path) {
        Err(SecretFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        known => return known,
    }
    create(path, random.bytes()).map_err(|source| SecretFileError::Io {
        doing: "keep",
        path: path.to_owned(),
        source,
    })?;
    read(path)
}

/// Written whole and flushed under another name first, then linked, which fails if the file has come up meanwhile.
fn create(path: &Path, secret: [u8; 32]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let unfinished = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(hex::encode(&secret).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => fs::File::open(directory)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn made_once_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("below/key");
        let secret = read_or_create(&path, Random).unwrap();
        assert_eq!(read_or_create(&path, Random).unwrap(), secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

        fs::write(&path, [7; 32]).unwrap();
        assert_eq!(read(&path).unwrap(), [7; 32]);
        fs::write(&path, "too short").unwrap();
        assert!(matches!(read_or_create(&path, Random), Err(SecretFileError::NotASecret { .. })));
    }
}
