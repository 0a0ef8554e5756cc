//! What is on offer, and what became of the user's wishes for it.

use std::collections::HashMap;

use sync_core::replica::{self, NotWished, Replica};

use crate::driver::PhoneStore;
use crate::error::FieldError;
use crate::ids::{IntentId, TicketId};

/// A ticket on offer: enough to decide, and nothing of whose it is. That comes with the ticket.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Offer {
    pub ticket: TicketId,
    /// The ticket's number, as people use it.
    pub number: String,
    pub ticket_type: String,
    /// 1 is most urgent, 5 least.
    pub priority: u8,
    /// When it may start.
    pub window_start_ms: Option<i64>,
    pub window_end_ms: Option<i64>,
    pub duration_ms: i64,
    /// The skills that it needs, each with its least level.
    pub skills: HashMap<String, u32>,
    /// The middle of the area, of some kilometres, in which it is.
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    /// IANA name of the time zone there.
    pub time_zone: String,
    pub respond_by_ms: Option<i64>,
    pub resolve_by_ms: Option<i64>,
}

/// A wish for a ticket.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Take {
    pub wish: IntentId,
    pub ticket: TicketId,
    pub made_device_ms: i64,
    pub state: TakeState,
}

/// How it stands with a wish for a ticket.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum TakeState {
    /// The server has not decided.
    Waiting,
    /// Withdrawn; the server may have decided before.
    Withdrawing,
    /// The ticket is the user's.
    Granted,
    /// It is not, and why: words for her, and a code for the app. `taken`: somebody else was first.
    Refused { code: String, detail: String },
}

impl From<replica::Offer> for Offer {
    fn from(offer: replica::Offer) -> Self {
        let card = offer.card;
        Self {
            ticket: TicketId(offer.ticket),
            number: card.number,
            ticket_type: card.ticket_type,
            priority: u8::try_from(card.priority).unwrap_or(5),
            window_start_ms: card.starts_at,
            window_end_ms: card.ends_at,
            duration_ms: card.duration_ms,
            skills: card.skills.into_iter().map(|needed| (needed.skill, needed.level)).collect(),
            lat: card.lat,
            lon: card.lon,
            time_zone: card.time_zone,
            respond_by_ms: card.respond_by,
            resolve_by_ms: card.resolve_by,
        }
    }
}

impl Take {
    pub(crate) fn all(replica: &Replica<PhoneStore>) -> Vec<Self> {
        replica.takes().into_iter().map(Self::from).collect()
    }
}

impl From<replica::Take> for Take {
    fn from(take: replica::Take) -> Self {
        Self {
            wish: IntentId(take.id),
            ticket: TicketId(take.ticket),
            made_device_ms: take.made_at.0,
            state: match take.state {
                replica::TakeState::Waiting => TakeState::Waiting,
                replica::TakeState::Withdrawing => TakeState::Withdrawing,
                replica::TakeState::Granted => TakeState::Granted,
                replica::TakeState::Refused { code, detail } => TakeState::Refused { code, detail },
            },
        }
    }
}

impl From<NotWished> for FieldError {
    fn from(why: NotWished) -> Self {
        match why {
            NotWished::NotOffered => Self::NotFound { detail: why.to_string() },
            NotWished::Store(error) => error.into(),
        }
    }
}
