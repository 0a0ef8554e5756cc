//! How a ticket moves: its states, the moves between them, and what each move needs. Pure data.

pub mod status;

pub use status::{Move, Status};
