//! Bytes that arrive in pieces, until they are whole: a file for each, that any process on the same directory can carry
//! on. How much has come is the length of the file; nothing else is kept of it, so nothing else can be lost.
//!
//! Nobody holds a lock, and nobody waits for a connection that died unnoticed. Two who write the same blob at once write
//! the same bytes at the same places, for its name is the digest of what it is to be. Whoever writes others spoils his
//! own upload alone, and the digest tells in the end.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::blobs::{BlobError, BlobKey};
use super::hex;

/// What has not moved for so long is forgotten.
pub const EXPIRES_AFTER: TimeDelta = TimeDelta::hours(24);

/// Blobs and bytes, as announced, that one owner may have begun at a time.
const MOST_AT_ONCE: usize = 32;
const MOST_BYTES: u64 = 256 << 20;

/// Whose upload it is, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialKey {
    pub blob: BlobKey,
    pub owner: Uuid,
}

/// How far an upload has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// Bytes that are here.
    pub offset: u64,
    /// Bytes that there are to be.
    pub length: u64,
    /// When it is forgotten if nothing more comes.
    pub expires_at: DateTime<Utc>,
    path: PathBuf,
}

/// Why an upload does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    #[error("too many uploads have been begun and not finished")]
    TooMany,
    #[error(transparent)]
    Store(#[from] BlobError),
}

/// The uploads under way.
#[derive(Debug, Clone)]
pub struct Partials(Arc<Path>);

impl Partials {
    /// Uses this directory, which is made if need be.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self(root.into()))
    }

    /// How far this upload has come; none if it has not begun, or has expired.
    pub async fn find(&self, key: PartialKey, now: DateTime<Utc>) -> Result<Option<Partial>, BlobError> {
        let directory = self.directory(key);
        in_background("look for", move || {
            let name = hex::encode(&key.blob.sha256);
            Ok(begun(&directory, now)?.into_iter().find_map(|(digest, partial)| (digest == name).then_some(partial)))
        })
        .await
    }

    /// Begins an upload of so many bytes. One that has begun goes on where it is.
    pub async fn begin(&self, key: PartialKey, length: u64, now: DateTime<Utc>) -> Result<(), BeginError> {
        let directory = self.directory(key);
        let has_room = in_background("begin", move || {
            fs::create_dir_all(&directory)?;
            let (name, others) = (hex::encode(&key.blob.sha256), begun(&directory, now)?);
            let (same, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|(digest, _)| *digest == name);
            if same.iter().any(|(_, partial)| partial.length == length) {
                return Ok(true);
            }
            for (_, partial) in same {
                if_there(fs::remove_file(partial.path))?;
            }
            let announced: u64 = others.iter().map(|(_, partial)| partial.length).sum();
            if others.len() >= MOST_AT_ONCE || announced.saturating_add(length) > MOST_BYTES {
                return Ok(false);
            }
            if_not_there(File::create_new(directory.join(format!("{name}.{length}"))).map(drop))?;
            Ok(true)
        });
        if has_room.await? { Ok(()) } else { Err(BeginError::TooMany) }
    }

    /// Adds bytes at its end, as far as they belong to it, and says where that is then. Not durable until
    /// [`flush`](Self::flush).
    pub async fn append(
        &self,
        partial: Partial,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Partial, BlobError> {
        in_background("continue", move || {
            let room = usize::try_from(partial.length.saturating_sub(partial.offset)).unwrap_or(usize::MAX);
            let bytes = bytes.as_ref();
            let bytes = &bytes[..bytes.len().min(room)];
            let file = OpenOptions::new().write(true).open(&partial.path)?;
            file.write_all_at(bytes, partial.offset)?;
            Ok(Partial { offset: partial.offset + bytes.len() as u64, ..partial })
        })
        .await
    }

    /// Sees to it that what has come would survive a power cut.
    pub async fn flush(&self, partial: &Partial) -> Result<(), BlobError> {
        let path = partial.path.clone();
        in_background("flush", move || OpenOptions::new().write(true).open(path)?.sync_data()).await
    }

    /// The bytes that have come.
    pub async fn read(&self, partial: &Partial) -> Result<Vec<u8>, BlobError> {
        let path = partial.path.clone();
        in_background("read", move || fs::read(path)).await
    }

    /// Lets go of an upload.
    pub async fn forget(&self, partial: &Partial) -> Result<(), BlobError> {
        let path = partial.path.clone();
        in_background("forget", move || if_there(fs::remove_file(path)).map(drop)).await
    }

    /// Forgets what has expired, of everybody. How many uploads that were.
    pub async fn forget_expired(&self, now: DateTime<Utc>) -> Result<usize, BlobError> {
        let root = Arc::clone(&self.0);
        in_background("forget", move || {
            let mut forgotten = 0;
            for tenant in fs::read_dir(root)?.flatten() {
                for owner in fs::read_dir(tenant.path())?.flatten() {
                    for file in fs::read_dir(owner.path())?.flatten() {
                        if expiry(&file.path())?.is_some_and(|at| at <= now) {
                            forgotten += usize::from(if_there(fs::remove_file(file.path()))?.is_some());
                        }
                    }
                }
            }
            Ok(forgotten)
        })
        .await
    }

    fn directory(&self, key: PartialKey) -> PathBuf {
        let (tenant, owner) = (key.blob.tenant.as_hyphenated().to_string(), key.owner.as_hyphenated().to_string());
        self.0.join(tenant).join(owner)
    }
}

/// What an owner has begun, each with the digest that it is to have.
fn begun(directory: &Path, now: DateTime<Utc>) -> io::Result<Vec<(String, Partial)>> {
    let Some(entries) = if_there(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    let mut begun = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let Some(expires_at) = expiry(&path)? else { continue };
        if expires_at <= now {
            if_there(fs::remove_file(path))?;
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('.'));
        let Some((digest, length)) = name.and_then(|(digest, length)| Some((digest.to_owned(), length.parse().ok()?)))
        else {
            continue;
        };
        let Some(found) = if_there(fs::metadata(&path))? else { continue };
        begun.push((digest, Partial { offset: found.len(), length, expires_at, path }));
    }
    Ok(begun)
}

/// When a file expires; none if it is gone.
fn expiry(path: &Path) -> io::Result<Option<DateTime<Utc>>> {
    let Some(found) = if_there(fs::metadata(path))? else { return Ok(None) };
    Ok(Some(DateTime::<Utc>::from(found.modified()?) + EXPIRES_AFTER))
}

async fn in_background<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|source| BlobError::of(doing, source))
}

fn if_there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn if_not_there(made: io::Result<()>) -> io::Result<()> {
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::Clock;

    fn key(blob: u8, owner: u128) -> PartialKey {
        PartialKey { blob: BlobKey { tenant: Uuid::from_u128(7), sha256: [blob; 32] }, owner: Uuid::from_u128(owner) }
    }

    #[tokio::test]
    async fn goes_on_where_it_was_and_takes_no_more_than_was_announced() {
        let directory = tempfile::tempdir().unwrap();
        let (partials, now) = (Partials::open(directory.path().to_owned()).unwrap(), Clock::system().now());
        assert_eq!(partials.find(key(1, 1), now).await.unwrap(), None);
        partials.begin(key(1, 1), 10, now).await.unwrap();
        let begun = partials.find(key(1, 1), now).await.unwrap().unwrap();
        assert_eq!((begun.offset, begun.length), (0, 10));
        let later = partials.append(begun.clone(), *b"012345").await.unwrap();
        assert_eq!(later.offset, 6);

        // Another process, and one that is late, write the same.
        let other = Partials::open(directory.path().to_owned()).unwrap();
        other.begin(key(1, 1), 10, now).await.unwrap();
        let seen = other.find(key(1, 1), now).await.unwrap().unwrap();
        let done = other.append(seen, *b"6789, and more than was said").await.unwrap();
        assert_eq!(done.offset, 10);
        partials.append(begun, *b"0123").await.unwrap();
        assert_eq!(partials.read(&done).await.unwrap(), b"0123456789");

        // Of another length it is another upload.
        partials.begin(key(1, 1), 11, now).await.unwrap();
        let anew = partials.find(key(1, 1), now).await.unwrap().unwrap();
        assert_eq!((anew.offset, anew.length), (0, 11));
        assert_eq!(partials.find(key(1, 2), now).await.unwrap(), None, "somebody else's is somebody else's");
    }

    #[tokio::test]
    async fn nobody_begins_without_end_and_what_does_not_move_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let (partials, now) = (Partials::open(directory.path().to_owned()).unwrap(), Clock::system().now());
        for blob in 0..32 {
            partials.begin(key(blob, 1), 5, now).await.unwrap();
        }
        assert!(matches!(partials.begin(key(99, 1), 5, now).await, Err(BeginError::TooMany)));
        partials.begin(key(31, 1), 5, now).await.unwrap();
        partials.begin(key(99, 2), MOST_BYTES - 1, now).await.unwrap();
        assert!(matches!(partials.begin(key(98, 2), 2, now).await, Err(BeginError::TooMany)));

        let tomorrow = now + EXPIRES_AFTER + TimeDelta::minutes(1);
        assert_eq!(partials.find(key(99, 2), tomorrow).await.unwrap(), None);
        assert_eq!(partials.forget_expired(now).await.unwrap(), 0);
        assert_eq!(partials.forget_expired(tomorrow).await.unwrap(), 32);
        partials.begin(key(98, 1), 5, now).await.unwrap();
    }
}
