//! Who is on site, and for how long: each check-in opens a labour log of its own.

use crate::document::body::FactBody;
use crate::document::fold::order::Order;
use crate::ids::{FactId, GrantId, VisitId};
use crate::time::DeviceTime;

/// Time worked, by the clock of the device that reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabourLog {
    /// The check-in, or the entry by hand.
    pub fact: FactId,
    /// The assignment under which it was worked.
    pub grant: Option<GrantId>,
    /// The visit.
    pub visit: Option<VisitId>,
    /// From when.
    pub start: DeviceTime,
    /// Until when; nothing while it goes on.
    pub end: Option<DeviceTime>,
}

/// All labour logs, in causal order. Two devices that check in without knowing of each other give two.
pub(crate) fn fold(order: &Order<'_>) -> Vec<LabourLog> {
    let log = |(place, fact): (usize, &crate::document::fact::Fact)| {
        let (start, end) = match fact.body {
            FactBody::CheckIn {} => (fact.wall, end_of(order, place)),
            FactBody::Labour { start, end } => (start, Some(end)),
            _ => return None,
        };
        Some(LabourLog { fact: fact.id, grant: fact.grant, visit: fact.visit, start, end })
    };
    let mut logs: Vec<LabourLog> = order.facts().filter_map(log).collect();
    logs.sort_unstable_by_key(|log| log.fact);
    logs
}

/// Whether a check-in under this grant still lasts.
pub(crate) fn is_present(order: &Order<'_>, visit: VisitId, grant: GrantId) -> bool {
    order.facts().any(|(place, fact)| {
        matches!(fact.body, FactBody::CheckIn {})
            && (fact.visit, fact.grant) == (Some(visit), Some(grant))
            && end_of(order, place).is_none()
    })
}

/// When the engineer who checked in left, was done, or checked in again: of several the first by his own stamp.
fn end_of(order: &Order<'_>, check_in: usize) -> Option<DeviceTime> {
    let began = order.fact(check_in);
    let ends = order.facts().filter(|(place, fact)| {
        matches!(fact.body, FactBody::CheckOut {} | FactBody::Done { .. } | FactBody::CheckIn {})
            && (fact.visit, fact.grant) == (began.visit, began.grant)
            && order.precedes(check_in, *place)
    });
    ends.map(|(_, fact)| fact).min_by_key(|fact| (fact.hlc, fact.id)).map(|fact| fact.wall)
}
