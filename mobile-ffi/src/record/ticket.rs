//! Everything to be shown of a ticket.

use sync_core::document::VisitState;
use sync_core::ids::UserId;
use sync_core::replica::Sight;
use sync_core::time::TimeWindow;
use sync_core::workflow;

use crate::ids::{CustomerId, SiteId, TicketId, VisitId};
use crate::record::day::{count, priority};
use crate::record::entry::{Answer, Evidence, Note, PartUsed, Reader, Signature};

/// One ticket, with what is unsent on top of what the server has.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TicketView {
    pub ticket: TicketId,
    /// The number that people use.
    pub number: String,
    pub ticket_type: String,
    pub title: String,
    pub description: Option<String>,
    /// 1 is most urgent, 5 least.
    pub priority: u8,
    pub status: Status,
    pub customer: Option<CustomerId>,
    pub site: Option<SiteId>,
    pub respond_by_ms: Option<i64>,
    pub resolve_by_ms: Option<i64>,
    /// How long the work should take.
    pub duration_ms: i64,
    pub visits: Vec<VisitView>,
    /// The rest is in the order in which a person reads it.
    pub notes: Vec<Note>,
    pub answers: Vec<Answer>,
    pub parts_used: Vec<PartUsed>,
    pub evidence: Vec<Evidence>,
    pub signatures: Vec<Signature>,
    /// Why a dispatcher should look at it, as codes.
    pub reviews: Vec<String>,
    /// Entries that the server does not have.
    pub unsent: u32,
}

/// One visit of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct VisitView {
    pub visit: VisitId,
    pub status: Status,
    pub window_start_ms: Option<i64>,
    pub window_end_ms: Option<i64>,
    /// The user has it, or is there.
    pub is_mine: bool,
    /// Where the user stands in it, if it is or was the user's.
    pub my_status: Option<Status>,
    /// The user has checked in and not left.
    pub is_present: bool,
}

/// Where a ticket, a visit, or the user's part of one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Status {
    Created,
    Assigned,
    Accepted,
    EnRoute,
    OnSite,
    InProgress,
    Paused,
    Done,
    Verified,
    Closed,
    Cancelled,
}

impl TicketView {
    pub(crate) fn of(sight: &Sight<'_>) -> Self {
        let (doc, core, state) = (sight.ticket.doc, sight.ticket.doc.core(), &sight.ticket.state);
        let reader = Reader { sight };
        Self {
            ticket: TicketId(doc.ticket()),
            number: core.number.clone(),
            ticket_type: core.ticket_type.clone(),
            title: reader.open("title", &core.title),
            description: core.description.as_ref().map(|sealed| reader.open("description", sealed)),
            priority: priority(core.priority),
            status: state.status.into(),
            customer: core.customer.map(CustomerId),
            site: core.site.map(SiteId),
            respond_by_ms: core.respond_by.map(|time| time.0),
            resolve_by_ms: core.resolve_by.map(|time| time.0),
            duration_ms: core.duration_ms,
            visits: state
                .visits
                .iter()
                .map(|(id, visit)| VisitView::of(VisitId(*id), visit, sight.author.user))
                .collect(),
            notes: reader.notes(state),
            answers: reader.answers(state),
            parts_used: reader.parts_used(state),
            evidence: reader.evidence(state),
            signatures: reader.signatures(state),
            reviews: state.reviews.keys().map(|flag| flag.as_str().to_owned()).collect(),
            // What the desk said is no entry of this phone, numbered or not.
            unsent: count(doc.pending().filter(|fact| !fact.body.kind().is_desk()).count()),
        }
    }
}

impl VisitView {
    fn of(visit: VisitId, state: &VisitState, user: UserId) -> Self {
        let mine = || state.crew.iter().filter(|member| member.user == user);
        Self {
            visit,
            status: state.status.into(),
            window_start_ms: state.window.map(TimeWindow::start).map(|start| start.0),
            window_end_ms: state.window.map(TimeWindow::end).map(|end| end.0),
            is_mine: state.engineers().any(|member| member.user == user),
            my_status: mine().max_by_key(|member| !member.has_ended).map(|member| member.status.into()),
            is_present: mine().any(|member| member.is_present),
        }
    }
}

impl From<workflow::Status> for Status {
    fn from(status: workflow::Status) -> Self {
        match status {
            workflow::Status::Created => Self::Created,
            workflow::Status::Assigned => Self::Assigned,
            workflow::Status::Accepted => Self::Accepted,
            workflow::Status::EnRoute => Self::EnRoute,
            workflow::Status::OnSite => Self::OnSite,
            workflow::Status::InProgress => Self::InProgress,
            workflow::Status::Paused => Self::Paused,
            workflow::Status::Done => Self::Done,
            workflow::Status::Verified => Self::Verified,
            workflow::Status::Closed => Self::Closed,
            workflow::Status::Cancelled => Self::Cancelled,
        }
    }
}
