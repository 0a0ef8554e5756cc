//! One unit of work: a transaction for one tenant that is carried to its end whatever becomes of the request.
//!
//! sqlx 0.9 can lose acknowledged writes otherwise: a `begin` whose future is dropped, because a client hung up, leaves
//! the pooled connection inside an open transaction, and the next statement that trusts it is acknowledged and then
//! rolled back. Three nets, each enough alone:
//! - the unit runs in a task of its own, which no hang-up cancels;
//! - a connection whose unit did not come to its commit or rollback is closed (see [`super::lanes`]);
//! - what else uses the pool gives its connection back through a hook that ends any open transaction.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::postgres::PgTransactionManager;
use sqlx::{AssertSqlSafe, Executor, PgConnection, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;
use sync_core::ids::TenantId;
use tracing::Instrument;

use super::idempotency::{self, Claim};
use super::lanes::{Lane, Lanes};

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
    lane: Lane,
    tenant: TenantId,
}

impl TenantTx {
    /// Whose rows this transaction sees: the value for `tenant_id` in an insert.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    async fn begin(lanes: &Arc<Lanes>, tenant: TenantId, statement: String) -> Result<Self, sqlx::Error> {
        let statement = AssertSqlSafe(statement).into_sql_str();
        let mut lane = lanes.take().await?;
        match PgTransactionManager::begin(lane.as_mut(), Some(statement.clone())).await {
            Err(error) if lane.had_died(&error) => {
                // Nothing was done on it yet. The next one is fresh.
                lanes.close_idle();
                drop(lane);
                lane = lanes.take().await?;
                PgTransactionManager::begin(lane.as_mut(), Some(statement)).await?;
            }
            begun => begun?,
        }
        Ok(Self { lane, tenant })
    }

    async fn commit(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::commit(self.lane.as_mut()).await?;
        self.lane.is_clean();
        Ok(())
    }

    async fn roll_back(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::rollback(self.lane.as_mut()).await?;
        self.lane.is_clean();
        Ok(())
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.lane.as_ref()
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.lane.as_mut()
    }
}

impl AsMut<PgConnection> for TenantTx {
    fn as_mut(&mut self) -> &mut PgConnection {
        self.lane.as_mut()
    }
}

/// One unit of work to be done.
pub(super) struct Unit {
    pub lanes: Arc<Lanes>,
    pub tenant: TenantId,
    /// The statement that begins the transaction.
    pub begin: String,
    /// Whether it may write.
    pub is_writing: bool,
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
        let mut tx = TenantTx::begin(&self.lanes, self.tenant, self.begin).await?;
        match work(&mut tx).await {
            Ok(done) => {
                match &self.claim {
                    Some(claim) => idempotency::confirm(&mut tx, claim).await?,
                    // PostgreSQL answers the commit of a failed transaction with a rollback and no error. Work that
                    // overlooked a failed statement is found out by one more.
                    None if self.is_writing => tx.execute("select").await.map(|_| ())?,
                    None => {}
                }
                tx.commit().await?;
                Ok(done)
            }
            Err(refused) => {
                // If even this fails the connection is closed, which rolls back too; the first error is the one to tell.
                if let Err(error) = tx.roll_back().await {
                    tracing::warn!(error = %error, "could not roll back, connection closed");
                }
                Err(refused)
            }
        }
    }
}
