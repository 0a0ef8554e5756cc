//! Everything that can go wrong, by what the app can do about it.

use sync_core::command::Refusal;
use sync_core::replica::{ExecuteError, OpenError};
use sync_core::store::StoreError;
use sync_core::workflow::Need;

use crate::transport::TransportError;

/// Why a call did not do what was asked. Each variant has one answer in the app; `detail` is for logs and support,
/// never for deciding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum FieldError {
    /// The session has ended or is not that of this device: show the sign-in page. Unsent work stays.
    #[error("sign in again")]
    SignIn,
    /// The server was not reached, or is not well: nothing to do, it will be tried again.
    #[error("offline: {detail}")]
    Offline { detail: String },
    /// A rule forbids it: show the rule's text, and what is missing first, if anything is. The same rule would refuse
    /// it at the server.
    #[error("refused by {rule}: {detail}")]
    Refused { rule: String, detail: String, missing: Vec<Missing> },
    /// There is no such ticket or visit on this phone (any more).
    #[error("not found: {detail}")]
    NotFound { detail: String },
    /// This app is too old for the server or for the data on the phone.
    #[error("the app must be updated: {detail}")]
    UpdateApp { detail: String },
    /// The device is full: ask to make room. What was saved before is safe.
    #[error("the device is full")]
    Full,
    /// Work is on this phone alone: show the counts, offer to send it, or to hand it over in a file.
    #[error(
        "unsettled: {unsent} unsent, {drafts} drafts, {wishes} wishes, {files} files, {carried} carried, {set_aside} set aside"
    )]
    Unsettled { unsent: u32, drafts: u32, wishes: u32, files: u32, carried: u32, set_aside: u32 },
    /// Paused, or in use by another process: try again after a moment.
    #[error("busy: {detail}")]
    Busy { detail: String },
    /// A defect or a damaged database: report it.
    #[error("internal: {detail}")]
    Internal { detail: String },
}

/// What has to be there before a step.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Missing {
    /// An answer to this step of the checklist.
    Answer { step: String },
    /// Photos or other evidence that show this.
    Evidence { role: String, at_least: i64 },
    /// The customer's signature.
    Signature,
    /// Words on what was done.
    Solution,
}

impl FieldError {
    pub(crate) fn refused(rule: &str, detail: impl ToString) -> Self {
        Self::Refused { rule: rule.to_owned(), detail: detail.to_string(), missing: Vec::new() }
    }
}

impl From<StoreError> for FieldError {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::Full => Self::Full,
            StoreError::Busy => Self::Busy { detail },
            StoreError::WrongKey => Self::refused("store_key", detail),
            StoreError::TooNew { .. } => Self::UpdateApp { detail },
            StoreError::Unreadable(_) | StoreError::Damaged(_) | StoreError::Suspect(_) | StoreError::Failed(_) => {
                Self::Internal { detail }
            }
        }
    }
}

impl From<TransportError> for FieldError {
    fn from(error: TransportError) -> Self {
        let detail = error.to_string();
        match error {
            // 403: the session is not that of an enrolled device.
            TransportError::SignIn | TransportError::Failed { status: 403, .. } => Self::SignIn,
            TransportError::Failed { status: 426, .. } => Self::UpdateApp { detail },
            // The server is busy or broken for now: the same as not reached.
            TransportError::Unreachable { .. } | TransportError::Failed { status: 408 | 429 | 500.., .. } => {
                Self::Offline { detail }
            }
            TransportError::Failed { .. } => Self::Internal { detail },
        }
    }
}

impl From<Refusal> for FieldError {
    fn from(refusal: Refusal) -> Self {
        let rule = match &refusal {
            Refusal::Denied(rule) => rule.as_str(),
            Refusal::NotFrom { .. } => "not_from_here",
            Refusal::NotByYou { .. } => "not_by_you",
            Refusal::Missing(_) => "missing",
            Refusal::Ended(_) => "ended",
            Refusal::NotThere(_) => "not_there",
            Refusal::AlreadyThere(_) => "already_there",
            Refusal::NoChange => "no_change",
            Refusal::NoWindow => "no_window",
        };
        let (rule, detail) = (rule.to_owned(), refusal.to_string());
        let missing = match refusal {
            Refusal::Missing(needs) => needs.into_iter().map(Missing::from).collect(),
            _ => Vec::new(),
        };
        Self::Refused { rule, detail, missing }
    }
}

impl From<Need> for Missing {
    fn from(need: Need) -> Self {
        match need {
            Need::Answer { step } => Self::Answer { step },
            Need::Evidence { role, at_least } => Self::Evidence { role, at_least },
            Need::Signature => Self::Signature,
            Need::Solution => Self::Solution,
        }
    }
}

impl From<ExecuteError<Refusal>> for FieldError {
    fn from(error: ExecuteError<Refusal>) -> Self {
        match error {
            ExecuteError::NotHere => Self::NotFound { detail: error.to_string() },
            ExecuteError::Refused(refusal) => refusal.into(),
            ExecuteError::Store(error) => error.into(),
            ExecuteError::TooLong(error) => Self::refused("too_long", error),
            ExecuteError::Document(error) => Self::Internal { detail: error.to_string() },
        }
    }
}

impl From<OpenError> for FieldError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::OtherIdentity(_) => Self::refused("other_identity", error),
            OpenError::Store(error) => error.into(),
        }
    }
}
