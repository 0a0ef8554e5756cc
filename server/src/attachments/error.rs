//! What can go wrong with attachments.

use axum::http::StatusCode;

use crate::platform::blobs::BlobError;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    #[error("no entry names such an attachment")]
    NotFound,
    #[error("the bytes are not those that the entry names")]
    OtherBytes,
    #[error("the store failed")]
    Store(#[source] BlobError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<BlobError> for AttachmentError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::OtherBytes => Self::OtherBytes,
            other => Self::Store(other),
        }
    }
}

impl From<AttachmentError> for Problem {
    fn from(error: AttachmentError) -> Self {
        match error {
            AttachmentError::NotFound => Self::not_found(),
            AttachmentError::OtherBytes => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "other-bytes",
                "The bytes are not those of the digest, or not as many as the entry says",
            ),
            AttachmentError::Store(error @ BlobError::Full(_)) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage-full", "There is no room for attachments")
                    .caused_by(error)
            }
            AttachmentError::Store(error) => Self::internal(error),
            AttachmentError::Database(error) => error.into(),
        }
    }
}
