//! Everything that can go wrong, by what the app can do about it.

use sync_core::store::StoreError;

use crate::transport::TransportError;

/// Why a call did not do what was asked. Each variant has one answer in the app; `detail` is for logs and support,
/// never for deciding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum FieldError {
    /// The session has ended: show the sign-in page. Unsent work stays.
    #[error("sign in again")]
    SignIn,
    /// The server was not reached: nothing to do, it will be tried again.
    #[error("offline: {detail}")]
    Offline { detail: String },
    /// A rule forbids it: show the rule's text. The same rule would refuse it at the server.
    #[error("refused by {rule}: {detail}")]
    Refused { rule: String, detail: String },
    /// There is no such ticket or visit on this phone (any more).
    #[error("not found: {detail}")]
    NotFound { detail: String },
    /// This app is too old for the server or for the data on the phone.
    #[error("the app must be updated: {detail}")]
    UpdateApp { detail: String },
    /// The device is full: ask to make room. What was saved before is safe.
    #[error("the device is full")]
    Full,
    /// Paused, or in use by another process: try again after a moment.
    #[error("busy: {detail}")]
    Busy { detail: String },
    /// A defect or a damaged database: report it.
    #[error("internal: {detail}")]
    Internal { detail: String },
}

impl From<StoreError> for FieldError {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::Full => Self::Full,
            StoreError::Busy => Self::Busy { detail },
            StoreError::TooNew { .. } => Self::UpdateApp { detail },
            StoreError::Damaged(_) | StoreError::Failed(_) => Self::Internal { detail },
        }
    }
}

impl From<TransportError> for FieldError {
    fn from(error: TransportError) -> Self {
        let detail = error.to_string();
        match error {
            TransportError::SignIn => Self::SignIn,
            TransportError::Unreachable { .. } | TransportError::Failed { .. } => Self::Offline { detail },
        }
    }
}
