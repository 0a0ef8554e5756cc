//! Sessions and devices as the API shows and takes them. Binary values are lower-case hexadecimal text.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::tenancy::session::Tokens;

/// Who wants in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    pub email: String,
    pub password: String,
    /// The tenant's short name. Needed only by those who use one address with several tenants.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// A refresh token to trade for the next pair.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    pub refresh_token: String,
}

/// What a session is carried on with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokensView {
    /// Goes into `Authorization: Bearer …`.
    pub access_token: String,
    pub access_expires_at: DateTime<Utc>,
    /// Good once. If the answer to a refresh is lost, the same token may be sent again.
    pub refresh_token: String,
    pub refresh_expires_at: DateTime<Utc>,
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.reveal(),
            access_expires_at: tokens.access_expires_at,
            refresh_token: tokens.refresh.reveal(),
            refresh_expires_at: tokens.refresh_expires_at,
        }
    }
}

/// What an enrolling device must sign.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChallengeView {
    /// 32 bytes.
    pub challenge: String,
    pub expires_at: DateTime<Utc>,
}

/// What kind of machine a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    Android,
    Ios,
    Desktop,
}

/// A device that wants to be known.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The challenge that was answered.
    pub challenge: String,
    /// The P-256 public key as a SEC 1 point, compressed (33 bytes) or not (65 bytes).
    pub public_key: String,
    /// ECDSA with SHA-256 over the ASCII text `callout enrol v1`, a zero byte, the 32 bytes of the challenge and the 33
    /// bytes of the compressed public key; in DER or as 64 bytes.
    pub signature: String,
    pub platform: Platform,
    pub app_version: String,
    /// What its owner calls it.
    pub name: String,
}

/// An installation of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceView {
    pub id: Uuid,
    pub user: Uuid,
    pub platform: Platform,
    pub app_version: String,
    pub name: String,
    pub enrolled_at: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// What is still on it alone, as of its last exchange with the server; none before the first.
    pub report: Option<ReportView>,
    /// Tickets that it could not open in the last thirty days.
    pub unreadable: Vec<UnreadableView>,
}

/// What a device held that the server did not have, when it last said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportView {
    /// Entries that the server has not acknowledged.
    pub unsent: i32,
    /// When the oldest of them was made.
    pub oldest_unsent_at: Option<DateTime<Utc>>,
    /// Refused entries that their author has not settled.
    pub drafts: i32,
    /// Photos and other files that were not stored yet.
    pub files: i32,
    /// By how much its clock is ahead of the server's, in milliseconds; negative if it is behind.
    pub clock_ahead_ms: i64,
    pub reported_at: DateTime<Utc>,
}

/// A ticket that did not open on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreadableView {
    pub ticket: Uuid,
    /// How often the device has tried. After three times it shows the ticket as unreadable and asks for it no more.
    pub failures: i32,
    /// What the device says of it.
    pub detail: String,
    /// Whether it sent what came there.
    pub has_sample: bool,
    pub first_reported_at: DateTime<Utc>,
    pub reported_at: DateTime<Utc>,
}

/// A device that is now known, and what it must know of the server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EnrolledView {
    pub device: DeviceView,
    /// Changes when the server has been restored from a backup.
    pub server_epoch: Uuid,
    /// The Ed25519 key with which every sync reply is signed, 32 bytes.
    pub server_public_key: String,
}

/// Whose devices to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeviceFilter {
    /// Only this user's.
    pub user: Option<Uuid>,
    /// Only those on which something waits for the server or its author, as they last said; `false`: only the others.
    pub holds_work: Option<bool>,
    /// `next_cursor` of the page before; leave out for the first.
    pub cursor: Option<String>,
    /// How many items at most: 50 if left out, never more than 500.
    pub limit: Option<u32>,
}
