//! What the assignment that a fact names was worth when its author wrote it.

use crate::document::{Fact, FactBody, Grant, TicketDoc};
use crate::ids::{GrantId, UserId};
use crate::policy::GrantStanding;
use crate::time::ServerTime;
use crate::workflow::Workflow;

/// How long after it ended an assignment still covers what was written without knowing: 14 days of server time.
pub const GRACE_MS: i64 = 14 * 24 * 60 * 60 * 1_000;

/// Of the author `user` of `fact`, whether or not the fact is in the document.
///
/// What he knew is what the fact comes `after`, not what the change that carries it was built on: a replay on a newer
/// document must not turn an honest engineer into one who knew better. Pretending to know less is worth no more than
/// pretending to have been offline: it is flagged, and ends with the grace.
pub fn standing(doc: &TicketDoc, fact: &Fact, user: UserId, workflow: &Workflow, now: ServerTime) -> GrantStanding {
    let grant = fact.grant.and_then(|grant| doc.grants().get(&grant));
    let Some(grant) = grant.filter(|grant| grant.user == user && fact.visit.is_none_or(|visit| visit == grant.visit))
    else {
        return GrantStanding::NotHis;
    };
    match grant.ended {
        None => GrantStanding::Active(grant.role),
        Some(_) if doc.saw(&fact.after, |seen| ends(seen, grant.id)) => after_the_end(doc, fact, grant, workflow),
        Some(ended) if now.0.saturating_sub(ended.at.0) <= GRACE_MS => GrantStanding::InGrace(grant.role),
        Some(_) => GrantStanding::PastGrace,
    }
}

fn ends(fact: &Fact, ended: GrantId) -> bool {
    matches!(fact.body, FactBody::Unassign { grant } if grant == ended)
}

/// He knew. If he was there, he may go on until he leaves.
fn after_the_end(doc: &TicketDoc, fact: &Fact, grant: &Grant, workflow: &Workflow) -> GrantStanding {
    let state = doc.state_at(workflow, &fact.after);
    let is_present = state.member(grant.id).is_some_and(|member| member.is_present);
    if is_present { GrantStanding::Staying(grant.role) } else { GrantStanding::NotHis }
}
