//! Signing in, and the devices people work with: a session, then a key that proves where it comes from.

mod routes;

mod sign_in;
mod refresh;
mod sign_out;
mod challenge;
mod enrol;
mod list;
mod revoke;
mod forget;

mod error;
mod store;
mod view;

pub use enrol::enrolment_message;
pub use error::DeviceError;
pub use forget::forget_unreadable;
pub use routes::routes;
pub use view::{
    ChallengeView, DeviceView, EnrolRequest, EnrolledView, RefreshRequest, ReportView, SignInRequest, TokensView,
    UnreadableView,
};
