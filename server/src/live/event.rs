//! One event of the stream: who may see it, and how it looks on the wire.

use std::fmt::Write as _;

use serde_json::json;
use sync_core::ids::UserId;

use super::store::{StreamRow, What};
use crate::ledger::feed::Position;
use crate::tenancy::Role;

/// An event, written out once for all the streams that will carry it.
#[derive(Debug)]
pub struct LiveEvent {
    pub position: Position,
    subject: Subject,
    user: Option<UserId>,
    frame: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Move,
    Ticket,
}

/// Who is watching.
#[derive(Debug, Clone, Copy)]
pub struct Viewer {
    pub user: UserId,
    pub role: Role,
}

impl LiveEvent {
    /// The event of this row; none for an event of the outbox that is nothing to watch.
    pub fn of(row: StreamRow) -> Option<Self> {
        let StreamRow { position, user, at, what } = row;
        let (subject, name, data) = match what {
            What::Moved(moved) => (Subject::Move, "position".to_owned(), serde_json::to_value(moved).ok()?),
            What::Happened { kind, ticket, payload } => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
                if !(kind.starts_with("ticket.") && kind.chars().all(is_name)) {
                    return None;
                }
                let ids = json!({ "ticket_id": ticket.map(|id| id.0), "user_id": user.map(|id| id.0) });
                (Subject::Ticket, kind, json!({ "about": ids, "at": at, "payload": payload }))
            }
        };
        // JSON holds no line break, so one data line is enough.
        let frame = format!("id: {position}\nevent: {name}\ndata: {data}\n\n");
        Some(Self { position, subject, user, frame })
    }

    /// Appends the event as it goes over the wire.
    pub fn write_to(&self, text: &mut String) {
        text.push_str(&self.frame);
    }
}

impl Viewer {
    /// Whether there is anything at all for this role to watch.
    pub fn may_watch(self) -> bool {
        self.role != Role::Customer
    }

    /// The one person whose events alone this viewer sees, if it is so.
    pub fn only(self) -> Option<UserId> {
        (self.role == Role::Engineer).then_some(self.user)
    }

    /// Whether this event is for this viewer.
    pub fn sees(self, event: &LiveEvent) -> bool {
        match (self.role, event.subject) {
            (Role::Admin | Role::Dispatcher | Role::Auditor, Subject::Move | Subject::Ticket) => true,
            (Role::Warehouse, Subject::Ticket) => true,
            (Role::Warehouse, Subject::Move) => false,
            (Role::Engineer, Subject::Move | Subject::Ticket) => event.user == Some(self.user),
            (Role::Customer, Subject::Move | Subject::Ticket) => false,
        }
    }
}

/// Why a stream ends. The client may open the next one after the last id it has seen, and misses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client does not read what it is sent.
    TooSlow,
    /// Signed out, revoked, disabled, or of another role than before: sign in, or refresh the token, first.
    SignedOut,
    /// This process stops; another, or the same one restarted, goes on.
    Stopping,
    /// The database has not answered for so long that nobody's right to watch can be checked.
    Unavailable,
}

impl End {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooSlow => "too_slow",
            Self::SignedOut => "signed_out",
            Self::Stopping => "stopping",
            Self::Unavailable => "unavailable",
        }
    }

    /// The last event of a stream. It has no id, so that the last one seen stays the one to resume after.
    pub fn frame(self) -> String {
        format!("event: end\ndata: {}\n\n", json!({ "reason": self.as_str() }))
    }
}

/// The client's position is too old, or of another life of this database: what it shows must be loaded anew, and the
/// stream goes on from the present.
pub fn reset_frame(reason: &str, from: Position) -> String {
    format!("id: {from}\nevent: reset\ndata: {}\n\n", json!({ "reason": reason }))
}

/// A comment that keeps the connection open, and the position reached: an id without data is remembered by the client
/// for its next attempt and dispatches nothing.
pub fn write_heartbeat(text: &mut String, reached: Position) {
    // Writing to a string cannot fail.
    let _ = write!(text, ": still here\nid: {reached}\n\n");
}
