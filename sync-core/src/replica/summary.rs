//! What a list shows of a ticket, kept beside it so that a list opens no document.

use std::sync::Arc;

use crate::document::seal::open;
use crate::document::{DocumentKey, Sealed, SealedAt, TicketDoc};
use crate::ids::{CustomerId, SiteId, TicketId, VisitId};
use crate::reference::WORKFLOWS;
use crate::replica::Replica;
use crate::replica::references::reference_row;
use crate::replica::rows::Record;
use crate::replica::state::{State, Work};
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::time::{ServerTime, TimeWindow};
use crate::workflow::{Status, Workflow};

/// A ticket in a list, with what is unsent on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub ticket: TicketId,
    pub number: String,
    pub ticket_type: String,
    /// Empty if its key does not open it.
    pub title: String,
    /// 1 is most urgent, 5 least.
    pub priority: i64,
    pub status: Status,
    pub customer: Option<CustomerId>,
    pub site: Option<SiteId>,
    pub resolve_by: Option<ServerTime>,
    pub visits: Vec<VisitSummary>,
    /// Something about it needs a dispatcher's look.
    pub has_reviews: bool,
}

/// A visit in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitSummary {
    pub visit: VisitId,
    pub status: Status,
    pub window: Option<TimeWindow>,
    /// When the user of this device is planned to be at it.
    pub slot: Option<TimeWindow>,
    /// The user of this device has it, or is there.
    pub is_mine: bool,
}

/// One line of the user's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaEntry {
    pub visit: VisitSummary,
    pub ticket: Arc<Summary>,
    /// Facts on this ticket that the server has not acknowledged.
    pub unsent: usize,
}

impl<S: Store> Replica<S> {
    /// Every ticket on this device, in the order of their ids.
    pub fn tickets(&self) -> impl Iterator<Item = &Arc<Summary>> {
        self.state.summaries.values()
    }

    /// The user's own visits that are not over, by time; those without a time come last.
    pub fn agenda(&self) -> Vec<AgendaEntry> {
        let mut agenda = Vec::new();
        for ticket in self.state.summaries.values() {
            let is_ours = self.state.tickets.get(&ticket.ticket).is_some_and(|row| row.leaving.is_none());
            let visits = ticket.visits.iter().filter(|visit| is_ours && visit.is_mine && !is_over(visit.status));
            agenda.extend(visits.map(|visit| AgendaEntry {
                visit: *visit,
                ticket: ticket.clone(),
                unsent: self.state.pending_of(ticket.ticket).count(),
            }));
        }
        let planned = |visit: &VisitSummary| visit.slot.or(visit.window);
        let start = |entry: &AgendaEntry| planned(&entry.visit).map_or(i64::MAX, |time| time.start().0);
        agenda.sort_by_key(|entry| (start(entry), entry.ticket.priority, entry.ticket.ticket));
        agenda
    }
}

fn is_over(status: Status) -> bool {
    matches!(status, Status::Done | Status::Verified | Status::Closed | Status::Cancelled)
}

impl<T: StoreTx> Work<T> {
    /// Writes down what lists show of a ticket.
    pub fn summarise(&mut self, id: TicketId, doc: &TicketDoc) -> Result<(), StoreError> {
        let Some(key) = self.state.tickets.get(&id).map(|ticket| ticket.document_key.clone()) else { return Ok(()) };
        let workflow = self.workflow(doc)?;
        let summary = self.state.summary(doc, &key, &workflow);
        summary.write(&mut self.tx)?;
        self.state.summaries.insert(id, Arc::new(summary));
        Ok(())
    }

    /// The workflow of a ticket: the version its type names, or else the built-in one.
    pub fn workflow(&self, doc: &TicketDoc) -> Result<Workflow, StoreError> {
        let (code, version) = &doc.core().workflow;
        let row = reference_row(&self.tx, WORKFLOWS, &format!("{code}@{version}"))?;
        Ok(row.and_then(|row| Workflow::from_bytes(&row).ok()).unwrap_or_else(Workflow::field_service))
    }
}

impl State {
    fn summary(&self, doc: &TicketDoc, key: &DocumentKey, workflow: &Workflow) -> Summary {
        let (core, state) = (doc.core(), doc.state(workflow));
        let user = self.device.identity.user;
        let visits = state.visits.iter().map(|(visit, stands)| VisitSummary {
            visit: *visit,
            status: stands.status,
            window: stands.window,
            slot: stands.engineers().find(|member| member.user == user).and_then(|member| member.slot),
            is_mine: stands.engineers().any(|member| member.user == user),
        });
        Summary {
            ticket: doc.ticket(),
            number: core.number.clone(),
            ticket_type: core.ticket_type.clone(),
            title: title(doc.ticket(), key, &core.title),
            priority: core.priority,
            status: state.status,
            customer: core.customer,
            site: core.site,
            resolve_by: core.resolve_by,
            visits: visits.collect(),
            has_reviews: !state.reviews.is_empty(),
        }
    }
}

fn title(ticket: TicketId, key: &DocumentKey, sealed: &Sealed) -> String {
    let at = SealedAt { ticket, fact: None, field: "title" };
    open(key, at, sealed).ok().and_then(|text| String::from_utf8(text).ok()).unwrap_or_default()
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SummaryRow {
    #[prost(string, tag = "1")]
    number: String,
    #[prost(string, tag = "2")]
    ticket_type: String,
    #[prost(string, tag = "3")]
    title: String,
    #[prost(int64, tag = "4")]
    priority: i64,
    #[prost(string, tag = "5")]
    status: String,
    #[prost(bytes = "vec", tag = "6")]
    customer: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    site: Vec<u8>,
    #[prost(int64, optional, tag = "8")]
    resolve_by: Option<i64>,
    #[prost(message, repeated, tag = "9")]
    visits: Vec<VisitRow>,
    #[prost(bool, tag = "10")]
    has_reviews: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct VisitRow {
    #[prost(bytes = "vec", tag = "1")]
    visit: Vec<u8>,
    #[prost(string, tag = "2")]
    status: String,
    #[prost(int64, optional, tag = "3")]
    start: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    end: Option<i64>,
    #[prost(bool, tag = "5")]
    is_mine: bool,
    #[prost(int64, optional, tag = "6")]
    slot_start: Option<i64>,
    #[prost(int64, optional, tag = "7")]
    slot_end: Option<i64>,
}

impl Record for Summary {
    const TABLE: Table = Table::Summary;
    type Stored = SummaryRow;

    fn key(&self) -> Vec<u8> {
        self.ticket.as_bytes().to_vec()
    }

    fn to_stored(&self) -> SummaryRow {
        let visit = |visit: &VisitSummary| VisitRow {
            visit: visit.visit.as_bytes().to_vec(),
            status: visit.status.to_string(),
            start: visit.window.map(|window| window.start().0),
            end: visit.window.map(|window| window.end().0),
            is_mine: visit.is_mine,
            slot_start: visit.slot.map(|slot| slot.start().0),
            slot_end: visit.slot.map(|slot| slot.end().0),
        };
        SummaryRow {
            number: self.number.clone(),
            ticket_type: self.ticket_type.clone(),
            title: self.title.clone(),
            priority: self.priority,
            status: self.status.to_string(),
            customer: self.customer.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            site: self.site.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            resolve_by: self.resolve_by.map(|time| time.0),
            visits: self.visits.iter().map(visit).collect(),
            has_reviews: self.has_reviews,
        }
    }

    fn from_stored(key: &[u8], row: SummaryRow) -> Option<Self> {
        let visit = |row: &VisitRow| {
            let window = |(start, end)| TimeWindow::new(ServerTime(start), ServerTime(end)).ok();
            Some(VisitSummary {
                visit: VisitId::from_slice(&row.visit).ok()?,
                status: row.status.parse().ok()?,
                window: row.start.zip(row.end).and_then(window),
                slot: row.slot_start.zip(row.slot_end).and_then(window),
                is_mine: row.is_mine,
            })
        };
        Some(Self {
            ticket: TicketId::from_slice(key).ok()?,
            visits: row.visits.iter().map(visit).collect::<Option<_>>()?,
            number: row.number,
            ticket_type: row.ticket_type,
            title: row.title,
            priority: row.priority,
            status: row.status.parse().ok()?,
            customer: (!row.customer.is_empty()).then(|| CustomerId::from_slice(&row.customer)).transpose().ok()?,
            site: (!row.site.is_empty()).then(|| SiteId::from_slice(&row.site)).transpose().ok()?,
            resolve_by: row.resolve_by.map(ServerTime),
            has_reviews: row.has_reviews,
        })
    }
}
