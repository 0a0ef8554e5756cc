//! What every request may reach. Made once by `boot`, cloned for each request.

use std::sync::Arc;

use axum::extract::FromRef;
use sync_core::ids::ServerEpoch;
use sync_core::wire::ServerSigner;

use crate::ledger::Ledger;
use crate::planning::travel::Roads;
use crate::platform::blobs::BlobStore;
use crate::platform::clock::Clock;
use crate::platform::config::Oldest;
use crate::platform::partial::Partials;
use crate::platform::random::Random;
use crate::platform::shutdown::Shutdown;
use crate::tenancy::Tenancy;
use crate::tenancy::password::Passwords;

/// The state of the router; a handler takes the part it needs as `State<Part>`.
#[derive(Clone, FromRef)]
pub struct AppState {
    pub tenancy: Tenancy,
    pub passwords: Passwords,
    /// Signs what phones are told.
    pub signer: ServerSigner,
    pub server_epoch: ServerEpoch,
    pub ledger: Arc<Ledger>,
    /// How long drives take.
    pub roads: Roads,
    /// Announced when the server is to end: streams end then.
    pub shutdown: Shutdown,
    pub blobs: Arc<dyn BlobStore>,
    /// Blobs that arrive in pieces.
    pub partials: Partials,
    pub oldest: Oldest,
    pub clock: Clock,
    pub random: Random,
}
