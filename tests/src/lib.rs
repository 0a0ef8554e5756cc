//! What the end-to-end tests are written with: a server of one's own in a database of one's own, and the people who
//! use it.
//!
//! ```no_run
//! # async fn story() {
//! let app = callout_tests::TestApp::start().await;
//! assert_eq!(app.get("/healthz").await.status(), 200);
//! # }
//! ```

#![expect(clippy::expect_used, reason = "a harness reports by failing the test")]

mod app;
pub mod postgres;

pub use app::TestApp;
