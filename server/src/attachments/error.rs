//! What can go wrong with attachments.

use axum::http::StatusCode;

use crate::platform::blobs::BlobError;
use crate::platform::extract::body_problem;
use crate::platform::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    #[error("no entry names such an attachment")]
    NotFound,
    #[error("the bytes are not those that the entry names")]
    OtherBytes,
    #[error("the upload has come to another place: {0}")]
    OtherOffset(u64),
    #[error("more bytes than there are to be")]
    TooLong,
    #[error("the piece was cut off")]
    CutOff,
    #[error("too many uploads have been begun and not finished")]
    TooManyUploads,
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
            AttachmentError::OtherOffset(offset) => {
                Self::new(StatusCode::CONFLICT, "other-offset", "The next piece begins elsewhere")
                    .with("offset", offset)
            }
            AttachmentError::TooLong => body_problem(StatusCode::PAYLOAD_TOO_LARGE),
            AttachmentError::CutOff => body_problem(StatusCode::BAD_REQUEST),
            AttachmentError::TooManyUploads => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-uploads",
                "Finish the uploads that have begun before beginning others",
            )
            .retry_after(60),
            AttachmentError::Store(error @ BlobError::Full(_)) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage-full", "There is no room for attachments")
                    .caused_by(error)
            }
            AttachmentError::Store(error) => Self::internal(error),
            AttachmentError::Database(error) => error.into(),
        }
    }
}
