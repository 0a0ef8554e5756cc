//! Whether a fact may be said: authority, then the workflow, in the light of what its author had seen.

use crate::command::{Author, Refusal, TicketView};
use crate::document::concurrency::Act;
use crate::document::{Fact, FactBody, GrantRole, SignatureStanding, TicketState};
use crate::ids::FactId;
use crate::policy::{GrantStanding, Origin, Role, Standing, Verdict, judge, standing};
use crate::workflow::{Move, MoveRule, Need, Party, Status};

/// Refuses what the author may not say, or could not have said where the ticket stood for him.
pub fn check(ticket: &TicketView<'_>, author: &Author, fact: &Fact) -> Result<(), Refusal> {
    if ticket.fact(fact.id).is_some() {
        return Err(Refusal::AlreadyThere(fact.id.0));
    }
    let grant = standing(ticket.doc, fact, author.user, ticket.workflow, ticket.now);
    let position = Standing { role: author.role, origin: author.origin, grant };
    if let Verdict::Deny(rule) = judge(position, fact.body.kind()) {
        return Err(Refusal::Denied(rule));
    }
    let past;
    let state = if fact.after == ticket.after {
        &ticket.state
    } else {
        past = ticket.doc.state_at(ticket.workflow, &fact.after);
        &past
    };
    match Act::of(fact) {
        Act::Moved(verb) => check_move(ticket, position, fact, verb, state),
        Act::Entered | Act::Signed | Act::Edited | Act::Planned | Act::Unknown => check_entry(fact, state),
    }
}

fn check_move(
    ticket: &TicketView<'_>,
    position: Standing,
    fact: &Fact,
    verb: Move,
    state: &TicketState,
) -> Result<(), Refusal> {
    let status = status_for(fact, state);
    let rule = ticket.workflow.rule(verb, status).ok_or(Refusal::NotFrom { verb, status })?;
    if verb == Move::CheckOut && !is_present(fact, state) {
        return Err(Refusal::NotFrom { verb, status });
    }
    if !may_make(position, rule) {
        return Err(Refusal::NotByYou { verb });
    }
    let missing: Vec<Need> = rule.needs.iter().filter(|need| !is_met(ticket, fact, state, need)).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::Missing(missing)) }
}

/// What the fact is about stands here: the engineer's own part, the visit, or the ticket.
fn status_for(fact: &Fact, state: &TicketState) -> Status {
    let of_visit = || fact.visit.and_then(|visit| state.visits.get(&visit)).map(|visit| visit.status);
    let of_part = || fact.grant.and_then(|grant| state.member(grant)).map(|member| member.status);
    match (fact.visit, fact.body.kind().is_desk()) {
        (None, _) => state.status,
        (Some(_), true) => of_visit().unwrap_or(Status::Created),
        (Some(_), false) => of_part().or_else(of_visit).unwrap_or(Status::Created),
    }
}

/// A fact without a grant is the desk speaking for whoever is there.
fn is_present(fact: &Fact, state: &TicketState) -> bool {
    fact.grant.is_none_or(|grant| state.member(grant).is_some_and(|member| member.is_present))
}

/// The desk may also speak for an engineer who telephones, but not for a superior.
fn may_make(position: Standing, rule: &MoveRule) -> bool {
    use GrantStanding::*;
    let is_for_engineers = rule.by.iter().any(|party| matches!(party, Party::Lead | Party::Crew));
    let in_field = match position.grant {
        Active(GrantRole::Lead) | Staying(GrantRole::Lead) | InGrace(GrantRole::Lead) => rule.by.contains(&Party::Lead),
        Active(GrantRole::Crew) | Staying(GrantRole::Crew) | InGrace(GrantRole::Crew) => rule.by.contains(&Party::Crew),
        PastGrace | NotHis => false,
    };
    let at_desk = position.origin == Origin::Desk
        && match position.role {
            Role::Admin => is_for_engineers || rule.by.contains(&Party::Admin),
            Role::Dispatcher => is_for_engineers || rule.by.contains(&Party::Dispatcher),
            Role::Engineer | Role::Warehouse | Role::Customer | Role::Auditor => false,
        };
    in_field || at_desk
}

/// Something of this visit, or of no visit in particular, meets the need.
fn is_met(ticket: &TicketView<'_>, fact: &Fact, state: &TicketState, need: &Need) -> bool {
    let entry = |id: &FactId| {
        ticket
            .fact(*id)
            .filter(|entry| fact.visit.is_none() || entry.visit.is_none_or(|visit| Some(visit) == fact.visit))
    };
    match need {
        Need::Answer { step } => {
            state.entries.answers.get(step).is_some_and(|answers| answers.iter().any(|id| entry(id).is_some()))
        }
        Need::Evidence { role: wanted, at_least } => {
            let shows = |blob: &&Fact| matches!(&blob.body, FactBody::Blob { role, .. } if role == wanted);
            state.entries.evidence.iter().filter_map(entry).filter(shows).count() as i64 >= *at_least
        }
        Need::Signature => state.signatures.iter().any(|signature| {
            entry(&signature.fact).is_some() && !matches!(signature.standing, SignatureStanding::Broken(_))
        }),
        Need::Solution => match &fact.body {
            FactBody::Done { solution, .. } => solution.is_some(),
            _ => ticket.doc.facts().any(|known| matches!(&known.body, FactBody::Done { solution: Some(_), .. })),
        },
    }
}

/// After the end only a note or evidence is still taken; the rest needs a reopening.
fn check_entry(fact: &Fact, state: &TicketState) -> Result<(), Refusal> {
    let is_welcome = matches!(fact.body, FactBody::Note { .. } | FactBody::Blob { .. });
    if state.status.is_terminal() && !is_welcome { Err(Refusal::Ended(state.status)) } else { Ok(()) }
}
