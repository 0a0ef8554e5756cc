//! What can go wrong with sessions and devices.

use axum::http::StatusCode;

use crate::platform::problem::Problem;
use crate::tenancy::auth;
use crate::tenancy::password::PasswordError;

#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("address or password is wrong")]
    WrongCredentials,
    #[error("the refresh token is good for nothing")]
    SignedOut,
    #[error("a copy of a used refresh token was presented")]
    Replayed,
    #[error("there is no such device")]
    NotFound,
    #[error("the challenge is unknown, used or expired")]
    UnknownChallenge,
    #[error("the key did not sign the challenge")]
    NotProven,
    #[error("the key belongs to another or to a revoked device")]
    KeyTaken,
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: &'static str },
    #[error("password")]
    Password(#[from] PasswordError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::WrongCredentials => {
                Self::new(StatusCode::UNAUTHORIZED, "wrong-credentials", "Address or password is not right")
                    .detail("If you use this address with several tenants, name the tenant.")
            }
            DeviceError::SignedOut => auth::signed_out(),
            DeviceError::Replayed => Self::new(
                StatusCode::UNAUTHORIZED,
                "session-replayed",
                "This session was used from two places and has ended",
            ),
            DeviceError::NotFound => Self::not_found(),
            DeviceError::UnknownChallenge => {
                Self::new(StatusCode::CONFLICT, "unknown-challenge", "Ask for a new challenge and sign that")
            }
            DeviceError::NotProven => Self::invalid("signature", "the key did not sign this challenge"),
            DeviceError::KeyTaken => {
                Self::new(StatusCode::CONFLICT, "device-key-taken", "This key is in use; make a new one on the device")
            }
            DeviceError::Invalid { field, reason } => Self::invalid(field, reason),
            DeviceError::Password(error) => error.into(),
            DeviceError::Database(error) => error.into(),
        }
    }
}
