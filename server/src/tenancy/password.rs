//! Passwords: argon2id, 19 MiB and two passes, which costs some 50 ms of a core.
//!
//! So only a few are worked on at once; one more is refused at once rather than queued, and everything else keeps its
//! share of the machine.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::platform::problem::Problem;
use crate::platform::random::Random;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const AT_ONCE: usize = 2;

/// Shortest and longest password, in characters. Argon2 takes any length; a body full of it is not a password.
pub const LENGTH: std::ops::RangeInclusive<usize> = 10..=200;

/// Hashes and verifies, a few at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    random: Random,
}

/// Why a password was not worked on.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many people are signing in at this moment")]
    Busy,
    #[error("password hashing failed: {0}")]
    Hash(String),
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "sign-in-busy",
                "Too many people are signing in at this moment",
            )
            .retry_after(1),
            error @ PasswordError::Hash(_) => Self::internal(error),
        }
    }
}

impl Passwords {
    pub fn new(random: Random) -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)), random }
    }

    /// The hash to store, in the PHC format.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let permit = self.permit()?;
        let salt: [u8; 16] = self.random.bytes();
        let hash = move || argon2()?.hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string());
        run(permit, hash).await
    }

    /// Whether the password is the one of this hash. With no hash, because there is no such user, it takes as long and
    /// says no.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        let permit = self.permit()?;
        let verify = move || {
            let (hash, may_match) = hash.map_or_else(|| (NOBODY.clone(), false), |hash| (hash, true));
            Ok(argon2()?.verify_password(password.as_bytes(), hash.as_str()).is_ok() && may_match)
        };
        run(permit, verify).await
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, PasswordError> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| PasswordError::Busy)
    }
}

/// The hash that an unknown user's password is compared with.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let hash = argon2().and_then(|argon2| argon2.hash_password_with_salt(b"nobody", b"nobody's own salt"));
    hash.map_or_else(|_| String::new(), |hash| hash.to_string())
});

fn argon2() -> argon2::password_hash::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The permit goes with the work, which no hang-up ends.
async fn run<T: Send + 'static>(
    permit: OwnedSemaphorePermit,
    work: impl FnOnce() -> argon2::password_hash::Result<T> + Send + 'static,
) -> Result<T, PasswordError> {
    let work = move || {
        let done = work();
        drop(permit);
        done
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| PasswordError::Hash(error.to_string()))?;
    done.map_err(|error| PasswordError::Hash(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn knows_the_right_password_and_nobody() {
        let passwords = Passwords::new(Random);
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("incorrect horse".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody".to_owned(), None).await.unwrap());
        assert!(!NOBODY.is_empty());
    }

    #[tokio::test]
    async fn one_too_many_is_refused_at_once() {
        let passwords = Passwords::new(Random);
        let all = passwords.permits.try_acquire_many(AT_ONCE as u32).unwrap();
        assert!(matches!(passwords.verify("x".to_owned(), None).await, Err(PasswordError::Busy)));
        drop(all);
    }
}
