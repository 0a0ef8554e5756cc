//! The one place that draws randomness.

use chrono::{DateTime, Utc};
use rand::Rng;
use uuid::Uuid;

/// The system's cryptographic randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Random {
    pub fn bytes<const N: usize>(self) -> [u8; N] {
        let mut bytes = [0; N];
        #[expect(clippy::disallowed_methods, reason = "this is the place where randomness is drawn")]
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }

    /// A version 7 UUID: sorts by the time it was made.
    pub fn uuid(self, now: DateTime<Utc>) -> Uuid {
        let unix_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(unix_ms, &self.bytes()).into_uuid()
    }
}
