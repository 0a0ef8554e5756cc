//! News of work done on the user's other devices.

use sync_core::replica::Replica;

use super::DraftDecision;
use crate::driver::PhoneStore;
use crate::error::FieldError;
use crate::ids::{FactId, TicketId};

/// Work that the user did on another of her devices and the server set aside. There it is a draft, with all it says.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RefusedElsewhere {
    pub fact: FactId,
    pub ticket: TicketId,
    /// Why, as a code.
    pub code: String,
    pub decision: DraftDecision,
    /// What the dispatcher wrote.
    pub dispatcher_note: String,
    pub told_ms: i64,
}

impl RefusedElsewhere {
    pub(crate) fn all(replica: &mut Replica<PhoneStore>) -> Result<Vec<Self>, FieldError> {
        let record = |one: sync_core::replica::RefusedElsewhere| Self {
            fact: FactId(one.fact),
            ticket: TicketId(one.ticket),
            code: one.code,
            decision: one.decision.into(),
            dispatcher_note: one.note,
            told_ms: one.told_at.0,
        };
        Ok(replica.refused_elsewhere()?.into_iter().map(record).collect())
    }
}
