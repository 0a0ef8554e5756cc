//! What every request may reach. Made once by `boot`, cloned for each request.

use axum::extract::FromRef;

use crate::platform::clock::Clock;
use crate::platform::random::Random;
use crate::tenancy::Tenancy;

/// The state of the router; a handler takes the part it needs as `State<Part>`.
#[derive(Debug, Clone, FromRef)]
pub struct AppState {
    pub tenancy: Tenancy,
    pub clock: Clock,
    pub random: Random,
}
