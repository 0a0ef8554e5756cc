//! Which troubles of the database pass by themselves.

/// Nothing is wrong with what was asked, and the same may work soon: the database is starting, stopping or full of
/// connections, somebody holds a lock for long, or two waited for each other and one of them was undone.
pub fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57"].iter().any(|class| code.starts_with(class))
                || [SERIALIZATION_FAILURE, DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE].contains(&&*code)
        }),
        _ => false,
    }
}

// Codes of PostgreSQL, Appendix A of its manual.
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
const LOCK_NOT_AVAILABLE: &str = "55P03";
