//! What the end-to-end tests are written with: a server of one's own in a database of one's own, and the people who
//! use it.
//!
//! ```no_run
//! # async fn story() {
//! let app = callout_tests::TestApp::start().await;
//! let ana = app.engineer("ana").await;
//! ana.get("/me").await.expect(200);
//! # }
//! ```

#![expect(clippy::expect_used, reason = "a harness reports by failing the test")]

mod actor;
mod answer;
mod app;
mod openapi;
pub mod postgres;
mod tenant;

pub use actor::{Actor, EnrolledDevice, PASSWORD, hex, unhex};
pub use answer::Answer;
pub use app::TestApp;
pub use openapi::{Document, Operation};
pub use tenant::TestTenant;
