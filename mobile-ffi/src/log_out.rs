//! Giving up a phone. Nothing that is on it alone is removed before it was handed over in a file.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use sync_core::ids::Sha256Hash;
use sync_core::replica::{NotExported, Unsettled};

use crate::driver::Driver;
use crate::error::FieldError;
use crate::host;
use crate::record::{ExportReceipt, count};

/// Writes what is unsettled, whole or not at all.
pub(crate) fn export(driver: &Driver, path: String) -> Result<ExportReceipt, FieldError> {
    let fresh = host::random_bytes()?;
    let (sealed, content) =
        driver.with(|replica| Ok((replica.export(host::now(), &fresh)?, replica.unsettled_digest())))?;
    let partial = format!("{path}.partial");
    let written = (|| {
        let mut file = File::create(&partial)?;
        file.write_all(&sealed)?;
        file.sync_all()?;
        fs::rename(&partial, &path)
    })();
    if let Err(why) = written {
        let _ = fs::remove_file(&partial);
        return Err(match why.kind() {
            std::io::ErrorKind::StorageFull => FieldError::Full,
            _ => FieldError::Internal { detail: format!("the file was not written: {why}") },
        });
    }
    let file_sha256 = Sha256Hash::of(&sealed).0.to_vec();
    Ok(ExportReceipt { path, file_sha256, content_sha256: content.0.to_vec() })
}

/// Removes everything, where nothing is unsettled or this file holds it.
pub(crate) fn log_out(driver: &Driver, exported: Option<&ExportReceipt>) -> Result<(), FieldError> {
    driver.erase(|replica| {
        let unsettled = replica.unsettled();
        let is_handed_over =
            |receipt: &ExportReceipt| receipt.content_sha256 == replica.unsettled_digest().0 && is_there(receipt);
        if unsettled.is_nothing() || exported.is_some_and(is_handed_over) { Ok(()) } else { Err(unsettled.into()) }
    })
}

fn is_there(receipt: &ExportReceipt) -> bool {
    fs::read(Path::new(&receipt.path)).is_ok_and(|bytes| Sha256Hash::of(&bytes).0.as_slice() == receipt.file_sha256)
}

impl From<Unsettled> for FieldError {
    fn from(unsettled: Unsettled) -> Self {
        Self::Unsettled {
            unsent: count(unsettled.unsent),
            drafts: count(unsettled.drafts),
            wishes: count(unsettled.wishes),
            files: count(unsettled.files),
            carried: count(unsettled.carried),
            set_aside: count(unsettled.set_aside),
        }
    }
}

impl From<NotExported> for FieldError {
    fn from(why: NotExported) -> Self {
        match why {
            NotExported::Store(why) => why.into(),
            why => Self::Internal { detail: why.to_string() },
        }
    }
}
