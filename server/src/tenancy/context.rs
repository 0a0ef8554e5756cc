//! For whom a request is handled.

use std::sync::Arc;

use sync_core::ids::{DeviceId, TenantId, UserId};

use super::database::Tenancy;
use super::unit_of_work::{self, Work};

/// The tenant and the caller a unit of work is done for. As a handler's argument it comes from the bearer token, and a
/// request without a good one never reaches the handler.
#[derive(Debug, Clone)]
pub struct TenantCtx(Arc<Context>);

#[derive(Debug)]
struct Context {
    tenancy: Tenancy,
    tenant: TenantId,
    caller: Caller,
}

#[derive(Debug)]
enum Caller {
    System(SystemEntry),
}

/// The parts of the server that act for a tenant with nobody signed in. This is the whole list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemEntry {
    /// The command line: first tenants and first administrators.
    CommandLine,
    /// The outbox relay and what it calls.
    Relay,
    /// Rebuilding projections.
    Rebuild,
}

impl TenantCtx {
    pub(super) fn system(tenancy: Tenancy, tenant: TenantId, entry: SystemEntry) -> Self {
        Self(Arc::new(Context { tenancy, tenant, caller: Caller::System(entry) }))
    }

    /// Which part of the server acts, when nobody is signed in.
    pub fn system_entry(&self) -> Option<SystemEntry> {
        match self.0.caller {
            Caller::System(entry) => Some(entry),
        }
    }

    pub fn tenant(&self) -> TenantId {
        self.0.tenant
    }

    /// Who is signed in; none when the server itself acts.
    pub fn user(&self) -> Option<UserId> {
        match self.0.caller {
            Caller::System(_) => None,
        }
    }

    /// The device this session is bound to, once it is enrolled.
    pub fn device(&self) -> Option<DeviceId> {
        match self.0.caller {
            Caller::System(_) => None,
        }
    }

    /// Does the work in one transaction of this tenant: commits if it returns `Ok`, else rolls back.
    ///
    /// It goes on to its end even when the caller is cancelled. Write the argument's type out:
    /// `ctx.transact(async move |tx: &mut TenantTx| verb(tx, …).await)`.
    pub async fn transact<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
        F: for<'t> Work<'t, T, E> + Send + 'static,
    {
        unit_of_work::run(self.0.tenancy.pool().clone(), self.tenant(), self.begin("begin"), work).await
    }

    /// Like [`TenantCtx::transact`] on one unchanging view of the database; writing is an error.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
        F: for<'t> Work<'t, T, E> + Send + 'static,
    {
        let begin = self.begin("begin isolation level repeatable read read only");
        unit_of_work::run(self.0.tenancy.pool().clone(), self.tenant(), begin, work).await
    }

    /// One round trip: only ids stand in it, so there is nothing to escape.
    fn begin(&self, begin: &str) -> String {
        let tenant = self.tenant();
        match self.user() {
            Some(user) => format!("{begin}; set local app.tenant_id = '{tenant}'; set local app.user_id = '{user}'"),
            None => format!("{begin}; set local app.tenant_id = '{tenant}'"),
        }
    }
}
