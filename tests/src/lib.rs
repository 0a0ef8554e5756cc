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
mod afterwards;
mod answer;
mod app;
mod openapi;
mod desk;
mod inspect;
pub mod bench;
pub mod chaos;
pub mod demo;
pub mod fleet;
pub mod ledger_check;
pub mod phone;
pub mod postgres;
pub mod proxy;
pub mod road;
pub mod serve;
mod tenant;
mod watch;

pub use actor::{Actor, EnrolledDevice, PASSWORD, hex, new_key, unhex};
pub use answer::Answer;
pub use app::{AnotherProcess, TestApp};
pub use desk::{NewVisit, Visit, uuid_of};
pub use openapi::{Document, Operation};
pub use phone::Phone;
pub use tenant::TestTenant;
pub use watch::{EventParser, LiveEvent, LiveStream};
