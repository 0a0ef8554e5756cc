//! The file: a ZIP with nothing compressed, so that other tools read it as well.
//!
//! ```text
//! evidence.json      the manifest: what there is, whose it is, where it stands in the chain
//! signature          of the server, Ed25519, 64 bytes, over DOMAIN and the SHA-256 of evidence.json
//! server.key         its public key, 32 bytes
//! changes/<version>  the changes of the document, as they were admitted
//! headers/<batch>    what a device signed, its number that of the batch in the manifest
//! blobs/<sha256>     photos, recordings, strokes
//! ```

use std::io::{Read, Seek, Write};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sync_core::ids::Sha256Hash;
use uuid::Uuid;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// What the first line of the manifest says.
pub const FORMAT: &str = "callout evidence 1";
const DOMAIN: &[u8] = b"callout evidence 1\0";
/// A change and a signed header are far smaller; a photo is not larger.
const LARGEST_ENTRY: u64 = 64 << 20;

/// The manifest. Bytes are lower-case hexadecimal, times milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub tenant_id: Uuid,
    pub ticket_id: Uuid,
    /// The number people call the ticket by.
    pub number: String,
    pub exported_at: i64,
    /// Opens the texts of the ticket: who has the file can read them.
    pub document_key: String,
    /// In the order in which they were admitted.
    pub changes: Vec<ChangeEntry>,
    pub batches: Vec<BatchEntry>,
    pub devices: Vec<DeviceEntry>,
    pub blobs: Vec<BlobEntry>,
    /// The root of each day from the one on which the ticket was made, as far as they are out.
    #[serde(default)]
    pub roots: Vec<RootEntry>,
    /// For each day on which the ticket moved, that its changes are under the root. In the order of the changes.
    #[serde(default)]
    pub inclusions: Vec<InclusionEntry>,
}

/// The root of one day, as it was signed: see [`DayRoot`](crate::ledger::root::DayRoot).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootEntry {
    pub day: NaiveDate,
    pub leaves: u64,
    pub changes: u64,
    pub root: String,
    pub previous: String,
    pub server_epoch: Uuid,
    pub closed_at: i64,
    pub signature: String,
}

/// That the ticket's changes of one day are under its root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InclusionEntry {
    pub day: NaiveDate,
    pub from_version: u64,
    pub to_version: u64,
    /// The place of the leaf in the tree of that day.
    pub at: u64,
    /// From the leaf upwards.
    pub path: Vec<String>,
}

/// A change: its bytes are in `changes/<version>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEntry {
    pub version: i64,
    pub hash: String,
    pub user_id: Option<Uuid>,
    /// None: written by the server, for the desk or of itself.
    pub device_id: Option<Uuid>,
    /// The place in `batches` of the one that brought it.
    pub batch: Option<usize>,
    pub received_at: i64,
    /// SHA-256 over the link before, the hash, the user, the device and the time.
    pub chain_hash: String,
}

/// A batch as a device signed it: the signed header is in `headers/<place>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEntry {
    pub device_id: Uuid,
    pub signature: String,
    pub received_at: i64,
}

/// A device whose signatures are here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEntry {
    pub device_id: Uuid,
    pub user_id: Uuid,
    /// Compressed SEC 1 point, P-256.
    pub public_key: String,
    pub enrolled_at: i64,
    pub revoked_at: Option<i64>,
}

/// Bytes that an entry of the ticket names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobEntry {
    pub sha256: String,
    pub role: String,
    pub mime: String,
    /// In `blobs/<sha256>`; false as long as they are still on a phone.
    pub is_stored: bool,
}

/// Why a file is no such file.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("not an evidence file: {0}")]
    NotABundle(&'static str),
    #[error("the file cannot be read or written")]
    Zip(#[from] zip::result::ZipError),
    #[error("the file cannot be read or written")]
    Io(#[from] std::io::Error),
    #[error("the manifest does not read")]
    Manifest(#[from] serde_json::Error),
}

/// What the server signs of a manifest.
pub fn signed_bytes(manifest: &[u8]) -> Vec<u8> {
    [DOMAIN, &Sha256Hash::of(manifest).0].concat()
}

/// A file being written.
pub struct Writer<W: Write + Seek>(ZipWriter<W>);

impl<W: Write + Seek> Writer<W> {
    pub fn new(to: W) -> Self {
        Self(ZipWriter::new(to))
    }

    pub fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        // The time of an entry would be that of the export, which the manifest says.
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.0.start_file(name, stored)?;
        self.0.write_all(bytes)?;
        Ok(())
    }

    pub fn finish(self) -> Result<W, BundleError> {
        Ok(self.0.finish()?)
    }
}

/// A file being read. Entries are looked up by name and never unpacked to a disk.
pub struct Reader<R: Read + Seek>(ZipArchive<R>);

impl<R: Read + Seek> Reader<R> {
    pub fn open(from: R) -> Result<Self, BundleError> {
        Ok(Self(ZipArchive::new(from)?))
    }

    /// The bytes of an entry; none if there is none of this name.
    pub fn get(&mut self, name: &str) -> Result<Option<Vec<u8>>, BundleError> {
        let entry = match self.0.by_name(name) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        // What the entry claims to hold is not believed.
        entry.take(LARGEST_ENTRY + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST_ENTRY {
            return Err(BundleError::NotABundle("an entry is larger than any change or photo"));
        }
        Ok(Some(bytes))
    }

    pub fn need(&mut self, name: &'static str) -> Result<Vec<u8>, BundleError> {
        self.get(name)?.ok_or(BundleError::NotABundle(name))
    }
}
