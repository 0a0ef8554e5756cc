//! The user's day.

use sync_core::replica::{AgendaEntry, Replica};
use sync_core::store::StoreError;
use sync_core::time::{DeviceTime, TimeWindow};

use crate::driver::PhoneStore;
use crate::ids::{TicketId, VisitId};
use crate::record::{Customer, PhoneStatus, Site, Status, Take};

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Day {
    pub status: PhoneStatus,
    pub agenda: Vec<AgendaItem>,
    /// The user's wishes for tickets of the pool, and what became of them.
    pub takes: Vec<Take>,
    /// Another one whenever what is on offer has changed.
    pub pool_version: u64,
}

/// One line of the agenda: a visit that is the user's and not over.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct AgendaItem {
    pub ticket: TicketId,
    pub visit: VisitId,
    /// The ticket's number, as people use it.
    pub number: String,
    pub title: String,
    pub ticket_type: String,
    /// Where the visit stands.
    pub status: Status,
    /// 1 is most urgent, 5 least.
    pub priority: u8,
    /// When the user is planned to be there.
    pub slot_start_ms: Option<i64>,
    pub slot_end_ms: Option<i64>,
    /// What the customer was promised.
    pub window_start_ms: Option<i64>,
    pub window_end_ms: Option<i64>,
    /// By when the SLA wants it solved.
    pub resolve_by_ms: Option<i64>,
    pub customer: Option<Customer>,
    pub site: Option<Site>,
    /// Entries on this ticket that the server does not have.
    pub unsent: u32,
}

impl Day {
    pub(crate) fn of(replica: &mut Replica<PhoneStore>, now: DeviceTime) -> Result<Self, StoreError> {
        let (takes, pool_version) = (Take::all(replica), replica.pool_version());
        Ok(Self { agenda: AgendaItem::all(replica)?, status: PhoneStatus::of(replica, now), takes, pool_version })
    }
}

impl AgendaItem {
    pub(crate) fn all(replica: &mut Replica<PhoneStore>) -> Result<Vec<Self>, StoreError> {
        replica.agenda().iter().map(|entry| Self::of(replica, entry)).collect()
    }

    fn of(replica: &mut Replica<PhoneStore>, entry: &AgendaEntry) -> Result<Self, StoreError> {
        let (ticket, visit) = (&entry.ticket, &entry.visit);
        Ok(Self {
            ticket: TicketId(ticket.ticket),
            visit: VisitId(visit.visit),
            number: ticket.number.clone(),
            title: ticket.title.clone(),
            ticket_type: ticket.ticket_type.clone(),
            status: visit.status.into(),
            priority: priority(ticket.priority),
            slot_start_ms: visit.slot.map(TimeWindow::start).map(|start| start.0),
            slot_end_ms: visit.slot.map(TimeWindow::end).map(|end| end.0),
            window_start_ms: visit.window.map(TimeWindow::start).map(|start| start.0),
            window_end_ms: visit.window.map(TimeWindow::end).map(|end| end.0),
            resolve_by_ms: ticket.resolve_by.map(|time| time.0),
            customer: ticket.customer.map(|id| Customer::of(replica, id)).transpose()?,
            site: ticket.site.map(|id| Site::of(replica, id)).transpose()?,
            unsent: count(entry.unsent),
        })
    }
}

/// A number that a phone cannot have more of.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Documents hold 1 to 5 only.
pub(super) fn priority(priority: i64) -> u8 {
    u8::try_from(priority).unwrap_or(5)
}
