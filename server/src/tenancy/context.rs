//! For whom a request is handled.

use std::sync::Arc;

use sync_core::ids::{DeviceId, TenantId, UserId};
use uuid::Uuid;

use super::database::Tenancy;
use super::idempotency::Claim;
use super::permission::{Permission, Role};
use super::unit_of_work::{Unit, Work};
use crate::platform::problem::Problem;

/// The tenant and the caller a unit of work is done for. As a handler's argument it comes from the bearer token, and a
/// request without a good one never reaches the handler.
#[derive(Debug, Clone)]
pub struct TenantCtx(Arc<Context>);

#[derive(Debug, Clone)]
struct Context {
    tenancy: Tenancy,
    tenant: TenantId,
    caller: Caller,
    claim: Option<Claim>,
}

#[derive(Debug, Clone)]
pub(super) enum Caller {
    Session { session: SessionId, user: UserId, device: Option<DeviceId>, role: Role },
    System(SystemEntry),
}

/// One sign-in and everything refreshed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId(pub Uuid);

/// The parts of the server that act for a tenant with nobody signed in. This is the whole list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemEntry {
    /// The command line: first tenants and first administrators.
    CommandLine,
    /// Signing in and refreshing, before it is known whether anybody may.
    SignIn,
    /// The outbox relay and what it calls.
    Relay,
    /// Reading the feed for live streams.
    Live,
    /// Rebuilding projections.
    Rebuild,
    /// Closing the days of the log.
    LogDays,
    /// Working on plans that were ordered.
    Plans,
    /// Forgetting what has been kept for long enough.
    Cleanup,
    /// Noticing what takes longer than planned.
    Overruns,
}

impl TenantCtx {
    pub(super) fn new(tenancy: Tenancy, tenant: TenantId, caller: Caller) -> Self {
        Self(Arc::new(Context { tenancy, tenant, caller, claim: None }))
    }

    /// The same caller, whose next unit of work is the one this claim is about.
    pub(super) fn claiming(&self, claim: Claim) -> Self {
        Self(Arc::new(Context { claim: Some(claim), ..Context::clone(&self.0) }))
    }

    /// The same caller with no claim.
    pub(super) fn unclaimed(&self) -> Self {
        Self(Arc::new(Context { claim: None, ..Context::clone(&self.0) }))
    }

    pub fn tenant(&self) -> TenantId {
        self.0.tenant
    }

    /// Who is signed in; none when the server itself acts.
    pub fn user(&self) -> Option<UserId> {
        match self.0.caller {
            Caller::Session { user, .. } => Some(user),
            Caller::System(_) => None,
        }
    }

    /// What the caller is to the tenant; none when the server itself acts.
    pub fn role(&self) -> Option<Role> {
        match self.0.caller {
            Caller::Session { role, .. } => Some(role),
            Caller::System(_) => None,
        }
    }

    /// The device this session is bound to, once it is enrolled.
    pub fn device(&self) -> Option<DeviceId> {
        match self.0.caller {
            Caller::Session { device, .. } => device,
            Caller::System(_) => None,
        }
    }

    /// The session this request belongs to.
    pub fn session(&self) -> Option<SessionId> {
        match self.0.caller {
            Caller::Session { session, .. } => Some(session),
            Caller::System(_) => None,
        }
    }

    /// Which part of the server acts, when nobody is signed in.
    pub fn system_entry(&self) -> Option<SystemEntry> {
        match self.0.caller {
            Caller::Session { .. } => None,
            Caller::System(entry) => Some(entry),
        }
    }

    /// Who is signed in, where that must be somebody.
    pub fn signed_in(&self) -> Result<UserId, Problem> {
        self.user().ok_or_else(Problem::forbidden)
    }

    /// Whether the caller may do this. The server itself may do anything.
    pub fn may(&self, permission: Permission) -> bool {
        self.role().is_none_or(|role| permission.is_granted_to(role))
    }

    /// A 403 unless the caller may do this.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) { Ok(()) } else { Err(Problem::forbidden()) }
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
        self.run(self.begin("begin"), true, self.0.claim.clone(), work).await
    }

    /// Like [`TenantCtx::transact`] on one unchanging view of the database; writing is an error.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
        F: for<'t> Work<'t, T, E> + Send + 'static,
    {
        let begin = self.begin("begin isolation level repeatable read read only");
        self.run(begin, false, None, work).await
    }

    async fn run<T, E, F>(&self, begin: String, is_writing: bool, claim: Option<Claim>, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
        F: for<'t> Work<'t, T, E> + Send + 'static,
    {
        let lanes = Arc::clone(self.0.tenancy.lanes());
        Unit { lanes, tenant: self.tenant(), begin, is_writing, claim }.run(work).await
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
