//! One unit of work: a transaction for one tenant that is carried to its end whatever becomes of the request.
//!
//! sqlx 0.9 can lose acknowledged writes otherwise: a `begin` whose future is dropped, because a client hung up, leaves
//! the pooled connection inside an open transaction, and the next statement that trusts it is acknowledged and then
//! rolled back. Two nets, each enough alone:
//! - the unit runs in a task of its own, which no hang-up cancels;
//! - the pool ends any open transaction of a connection that is given back (see [`super::database`]).

use std::future::Future;
use std::ops::{Deref, DerefMut};

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};
use sync_core::ids::TenantId;
use tracing::Instrument;

use super::idempotency::{self, Claim};

/// What is done inside a unit of work: `async move |tx: &mut TenantTx| …`, the argument's type written out.
pub trait Work<'t, T, E>: FnOnce(&'t mut TenantTx) -> Self::Running {
    type Running: Future<Output = Result<T, E>> + Send + 't;
}

impl<'t, T, E, F, R> Work<'t, T, E> for F
where
    F: FnOnce(&'t mut TenantTx) -> R,
    R: Future<Output = Result<T, E>> + Send + 't,
{
    type Running = R;
}

/// An open transaction that sees the rows of one tenant. Whoever opened it commits it.
#[derive(Debug)]
pub struct TenantTx {
    transaction: Transaction<'static, Postgres>,
    tenant: TenantId,
}

impl TenantTx {
    /// Whose rows this transaction sees: the value for `tenant_id` in an insert.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

impl AsMut<PgConnection> for TenantTx {
    fn as_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

/// One unit of work to be done.
pub(super) struct Unit {
    pub pool: PgPool,
    pub tenant: TenantId,
    /// The statement that begins the transaction.
    pub begin: String,
    /// The idempotency key that this work is done for.
    pub claim: Option<Claim>,
}

impl Unit {
    /// Does the work in a task of its own; commits on `Ok`, rolls back on `Err`.
    pub async fn run<T, E, F>(self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
        F: for<'t> Work<'t, T, E> + Send + 'static,
    {
        match tokio::spawn(self.carry_out(work).in_current_span()).await {
            Ok(outcome) => outcome,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down; the transaction was not committed.
                Err(_) => Err(sqlx::Error::PoolClosed.into()),
            },
        }
    }

    async fn carry_out<T, E, F>(self, work: F) -> Result<T, E>
    where
        E: From<sqlx::Error>,
        F: for<'t> Work<'t, T, E>,
    {
        let transaction = self.pool.begin_with(AssertSqlSafe(self.begin)).await?;
        let mut tx = TenantTx { transaction, tenant: self.tenant };
        match work(&mut tx).await {
            Ok(done) => {
                if let Some(claim) = &self.claim {
                    idempotency::confirm(&mut tx, claim).await?;
                }
                tx.transaction.commit().await?;
                Ok(done)
            }
            Err(refused) => {
                // If even this fails the connection is closed, which rolls back too; the first error is the one to tell.
                if let Err(error) = tx.transaction.rollback().await {
                    tracing::warn!(error = %error, "could not roll back, connection closed");
                }
                Err(refused)
            }
        }
    }
}
