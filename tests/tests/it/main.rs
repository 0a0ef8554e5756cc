//! All end-to-end tests in one program, because linking is expensive.

mod server;
