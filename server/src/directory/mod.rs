//! Who asks for work, where it is and of what kinds it is: the values, and the rows that more than one feature writes.
//!
//! Features never import features, and both an imported file and a dispatcher make customers and sites; so the writing
//! of those rows stands here, below the features and beside the ledger. HTTP does not.

mod breaks;
mod customer;
mod position;
mod site;
mod ticket_type;
mod words;
pub mod store;

pub use breaks::Break;
pub use customer::{NewCustomer, Tier};
pub use position::{Position, PositionView};
pub use site::NewSite;
pub use ticket_type::{DispatchMode, TicketType};
pub use words::{
    Code, Label, Name, Period, Priority, Reference, RequiredSkills, SkillLevel, Unacceptable, WorkDuration, locale,
    prose, time_zone,
};

/// The name of the constraint that a statement violated, so that a feature can say in its words what is wrong.
pub fn violated(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|error| error.constraint())
}
