//! Attachments: the bytes that facts name by their digest. The fact comes first, by sync; the bytes follow when the
//! network is good, and only here, where they are compared with the digest before anybody says "stored".

mod routes;
mod upload;
mod find;
mod store;
mod error;

pub use find::on_event;
pub use routes::routes;
