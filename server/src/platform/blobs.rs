//! Bytes too large for the database, kept under the SHA-256 of what they are. What is stored is never changed; storing the
//! same again is no error; "stored" is said only when it would survive a power cut.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::hex;
use super::random::Random;

/// What a blob is found by: whose it is and the digest of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobKey {
    pub tenant: Uuid,
    pub sha256: [u8; 32],
}

impl BlobError {
    /// What became of a file of the store.
    pub(super) fn of(doing: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(source),
            io::ErrorKind::InvalidData => Self::OtherBytes,
            _ => Self::Io { doing, source },
        }
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t/{}/{}", self.tenant.as_hyphenated(), hex::encode(&self.sha256))
    }
}

/// Why a blob was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the bytes are not those of this digest")]
    OtherBytes,
    #[error("the store is full")]
    Full(#[source] io::Error),
    #[error("cannot {doing} a blob")]
    Io { doing: &'static str, source: io::Error },
}

/// A place for blobs.
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Stores the bytes if they are those of the key. When it returns, they are durable.
    fn put(&self, key: BlobKey, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), BlobError>>;

    /// The bytes, read back and compared with the key; none if there are none.
    fn get(&self, key: BlobKey) -> BoxFuture<'_, Result<Option<Vec<u8>>, BlobError>>;

    /// How many bytes are stored under this key; none if none are.
    fn size(&self, key: BlobKey) -> BoxFuture<'_, Result<Option<u64>, BlobError>>;
}

/// Blobs as files of a directory: `t/<tenant>/<sha256>`.
#[derive(Debug, Clone)]
pub struct BlobDirectory {
    root: Arc<Path>,
    random: Random,
}

impl BlobDirectory {
    /// Uses this directory, which is made if need be. What a crash left half written is removed.
    pub fn open(root: PathBuf, random: Random) -> io::Result<Self> {
        let incoming = root.join("incoming");
        fs::create_dir_all(&incoming)?;
        for unfinished in fs::read_dir(&incoming)?.flatten() {
            // Another process may be writing it at this moment: only what is old is left over.
            let age = unfinished.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age.as_secs() > 86_400) {
                fs::remove_file(unfinished.path())?;
            }
        }
        Ok(Self { root: root.into(), random })
    }

    fn path(&self, key: BlobKey) -> PathBuf {
        self.root.join(key.to_string())
    }

    /// Temporary file, flush, rename, flush of the directory: at no moment does a name stand for half of its bytes.
    fn write(&self, key: BlobKey, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        if path.exists() {
            return Ok(());
        }
        let unfinished = self.root.join("incoming").join(hex::encode(&self.random.bytes::<16>()));
        let written = File::create_new(&unfinished).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| self.put_in_place(&unfinished, &path)) {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        Ok(())
    }

    fn put_in_place(&self, unfinished: &Path, path: &Path) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory)?;
        fs::rename(unfinished, path)?;
        // The name, the tenant's directory and the one above it: any of them may be new.
        for directory in path.ancestors().skip(1).take(3) {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }

    fn in_background<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, BlobError>> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&store));
        Box::pin(async move {
            let done = done.await.unwrap_or_else(|error| Err(io::Error::other(error)));
            done.map_err(|source| BlobError::of(doing, source))
        })
    }
}

impl BlobStore for BlobDirectory {
    fn put(&self, key: BlobKey, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), BlobError>> {
        self.in_background("store", move |store| {
            check(key, &bytes)?;
            store.write(key, &bytes)
        })
    }

    fn get(&self, key: BlobKey) -> BoxFuture<'_, Result<Option<Vec<u8>>, BlobError>> {
        self.in_background("read", move |store| {
            let Some(bytes) = if_there(fs::read(store.path(key)))? else { return Ok(None) };
            check(key, &bytes)?;
            Ok(Some(bytes))
        })
    }

    fn size(&self, key: BlobKey) -> BoxFuture<'_, Result<Option<u64>, BlobError>> {
        self.in_background("look for", move |store| {
            Ok(if_there(fs::metadata(store.path(key)))?.map(|found| found.len()))
        })
    }
}

fn check(key: BlobKey, bytes: &[u8]) -> io::Result<()> {
    if Sha256::digest(bytes)[..] == key.sha256 { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn if_there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: &[u8]) -> BlobKey {
        BlobKey { tenant: Uuid::from_u128(7), sha256: Sha256::digest(bytes).into() }
    }

    #[tokio::test]
    async fn keeps_what_it_was_given_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let store = BlobDirectory::open(directory.path().to_owned(), Random).unwrap();
        let photo = key(b"photo");
        assert_eq!(store.get(photo).await.unwrap(), None);
        assert!(matches!(store.put(photo, b"another".to_vec()).await, Err(BlobError::OtherBytes)));
        assert_eq!(store.size(photo).await.unwrap(), None);

        store.put(photo, b"photo".to_vec()).await.unwrap();
        store.put(photo, b"photo".to_vec()).await.unwrap();
        assert_eq!(store.get(photo).await.unwrap(), Some(b"photo".to_vec()));
        assert_eq!(store.size(photo).await.unwrap(), Some(5));
        assert_eq!(fs::read_dir(directory.path().join("incoming")).unwrap().count(), 0);
        let elsewhere = BlobKey { tenant: Uuid::from_u128(8), ..photo };
        assert_eq!(store.size(elsewhere).await.unwrap(), None, "one tenant's blob is not another's");
    }

    #[tokio::test]
    async fn a_damaged_file_is_not_handed_out() {
        let directory = tempfile::tempdir().unwrap();
        let store = BlobDirectory::open(directory.path().to_owned(), Random).unwrap();
        let photo = key(b"photo");
        store.put(photo, b"photo".to_vec()).await.unwrap();
        fs::write(store.path(photo), b"phot0").unwrap();
        assert!(matches!(store.get(photo).await, Err(BlobError::OtherBytes)));
    }

    #[tokio::test]
    async fn many_writers_of_one_blob_agree() {
        let directory = tempfile::tempdir().unwrap();
        let store = BlobDirectory::open(directory.path().to_owned(), Random).unwrap();
        let bytes = vec![7; 100_000];
        let writes = (0..16).map(|_| store.put(key(&bytes), bytes.clone()));
        for written in futures_util::future::join_all(writes).await {
            written.unwrap();
        }
        assert_eq!(store.get(key(&bytes)).await.unwrap(), Some(bytes));
    }
}
