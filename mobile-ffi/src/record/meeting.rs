//! What colleagues' phones have handed over.

use sync_core::document::FactBody;
use sync_core::peer::{PeerReport, RefusedBatch};
use sync_core::replica::{FromColleague, Replica, Sight};

use crate::driver::PhoneStore;
use crate::error::FieldError;
use crate::host;
use crate::ids::{DeviceId, FactId, UserId, VisitId};
use crate::record::day::count;
use crate::record::ticket::Status;

/// What a meeting came to.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MeetingReport {
    /// Whose phone it was, once that was proved.
    pub user: Option<UserId>,
    pub device: Option<DeviceId>,
    /// Tickets that both phones hold.
    pub shared_tickets: u32,
    /// Packages of work that were taken, and those that the other phone says it has taken.
    pub taken: u32,
    pub handed_over: u32,
    /// Why packages were not taken, for logs and support.
    pub refused: Vec<String>,
    /// There was more than one meeting carries: meet again.
    pub has_more: bool,
}

/// A ticket as it will likely be once the server has what colleagues handed over. To be shown as such, and worked on by
/// nobody.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ColleaguesView {
    /// Where the ticket stands with their entries.
    pub status: Status,
    pub entries: Vec<ColleaguesEntry>,
    /// Entries that are carried, and shown when something that they stand on has come.
    pub waiting: u32,
}

/// One entry that is not yet with the server.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ColleaguesEntry {
    pub fact: FactId,
    pub visit: Option<VisitId>,
    /// What it is: `check_in`, `note`, `done`, …
    pub kind: String,
    /// What it says, where that is a text.
    pub text: Option<String>,
    pub author: UserId,
    /// The device that it was said on.
    pub device: DeviceId,
    /// The device that handed it over: the same, or one that carries it too.
    pub handed_over_by: DeviceId,
    pub written_device_ms: i64,
    /// When it was taken, as far as this phone knows the server's time.
    pub taken_ms: i64,
}

impl From<&PeerReport> for MeetingReport {
    fn from(report: &PeerReport) -> Self {
        let reason = |RefusedBatch { code, detail, .. }: &RefusedBatch| match detail.as_str() {
            "" => format!("there: {code}"),
            detail => format!("{code}: {detail}"),
        };
        Self {
            user: report.peer.map(|peer| UserId(peer.user)),
            device: report.peer.map(|peer| DeviceId(peer.device)),
            shared_tickets: count(report.shared),
            taken: count(report.taken),
            handed_over: count(report.handed_over),
            refused: report.refused.iter().chain(&report.refused_there).map(reason).collect(),
            has_more: report.has_more,
        }
    }
}

impl ColleaguesView {
    /// None if colleagues have handed over nothing of this ticket that the server does not have.
    pub(crate) fn of(
        replica: &mut Replica<PhoneStore>,
        ticket: sync_core::ids::TicketId,
    ) -> Result<Option<Self>, FieldError> {
        let Some(overlay) = replica.overlay(ticket, host::now())? else { return Ok(None) };
        let entries = replica.look(ticket, host::now(), |sight| {
            overlay.entries.iter().map(|entry| ColleaguesEntry::of(entry, sight)).collect()
        })?;
        Ok(entries.map(|entries| Self {
            status: overlay.state.status.into(),
            entries,
            waiting: count(overlay.waiting),
        }))
    }
}

impl ColleaguesEntry {
    fn of(entry: &FromColleague, sight: &Sight<'_>) -> Self {
        let fact = &entry.fact;
        let (field, sealed) = match &fact.body {
            FactBody::Note { text, .. } => ("text", Some(text)),
            FactBody::Answer { value, .. } => ("value", Some(value)),
            FactBody::Done { solution, .. } => ("solution", solution.as_ref()),
            _ => ("", None),
        };
        Self {
            fact: FactId(fact.id),
            visit: fact.visit.map(VisitId),
            kind: fact.body.kind_name().to_owned(),
            text: sealed.and_then(|sealed| sight.open(Some(fact.id), field, sealed)),
            author: UserId(entry.author),
            device: DeviceId(entry.device),
            handed_over_by: DeviceId(entry.handed_over_by),
            written_device_ms: fact.wall.0,
            taken_ms: entry.taken.0,
        }
    }
}
