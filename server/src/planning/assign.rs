//! Gives a visit to an engineer: the one asked for or the best, with the reasons kept beside the assignment.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Executor;
use sync_core::document::GrantRole;
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use sync_core::time::ServerTime;
use sync_core::workflow::Status;
use uuid::Uuid;

use super::choose::{Chosen, choose};
use super::considered::Considered;
use super::rank::{Question, rank};
use super::{PlanningError, Terms, clock, promise, store};
use crate::ledger::{By, Desk, Ledger};
use crate::tenancy::TenantTx;

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A dispatcher.
    Manual,
    /// A dispatcher, as the server had suggested.
    Suggested,
    /// The server, for a ticket type that is dispatched so.
    Automatic,
    /// A plan of many visits.
    Plan,
    /// The engineer, who took it from the pool.
    Pool,
}

/// What the assignment is to be like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// Nobody in particular: the best.
    pub engineer: Option<UserId>,
    /// Exactly then, instead of when it suits best.
    pub starts_at: Option<DateTime<Utc>>,
    /// Break hard rules that refuse the engineer, and record which. Being in two places at once stays impossible.
    pub override_rules: bool,
}

/// In whose name, how and when it is decided.
#[derive(Debug, Clone, Copy)]
pub struct Decision {
    pub by: By,
    pub mode: Mode,
    pub run: Option<Uuid>,
    pub at: DateTime<Utc>,
}

/// An engineer for a visit, with everything that is kept of how it came to that.
#[derive(Debug, Clone)]
pub struct Assigned {
    pub grant: GrantId,
    pub ticket: TicketId,
    pub visit: VisitId,
    pub chosen: Chosen,
    pub considered: Considered,
}

/// Ranks, chooses and assigns. Who turns out to be taken meanwhile is ranked anew, a few times.
pub async fn assign(
    tx: &mut TenantTx,
    ledger: &Ledger,
    question: Question,
    wish: Wish,
    decision: Decision,
    terms: &Terms,
) -> Result<Assigned, PlanningError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let question = Question { also: wish.engineer, ..question };
        let ranked = Box::pin(rank(tx, question, terms, decision.at)).await?;
        let chosen = choose(&ranked, wish, terms)?;
        let mut considered = ranked.considered;
        if let Some(candidate) = &chosen.candidate {
            considered.include(candidate);
        }
        let give =
            Give { ticket: ranked.ticket, visit: ranked.visit, instead_of: question.instead_of, chosen, considered };
        match Box::pin(hand_over_in(tx, ledger, &give, question.window, decision, terms.record())).await {
            Ok(grant) => {
                let Give { ticket, visit, chosen, considered, .. } = give;
                return Ok(Assigned { grant, ticket, visit, chosen, considered });
            }
            Err(error) if error.is_double_booked() && attempts < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

/// Tries a unit of work again that was undone because it and another one waited for each other.
pub async fn persist<T, R: Future<Output = Result<T, PlanningError>>>(
    attempt: impl Fn() -> R,
) -> Result<T, PlanningError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt().await {
            Err(error) if error.is_deadlock() && attempts < ATTEMPTS => {}
            outcome => return outcome,
        }
    }
}

/// A choice that has been made and is to be written down.
#[derive(Debug, Clone)]
pub struct Give {
    pub ticket: TicketId,
    pub visit: VisitId,
    /// The assignment that ends with it.
    pub instead_of: Option<GrantId>,
    pub chosen: Chosen,
    pub considered: Considered,
}

/// Makes the assignment and keeps its explanation, with the weights by which it was chosen. The transaction can go on if it
/// fails: then nothing was done.
pub async fn hand_over(
    tx: &mut TenantTx,
    ledger: &Ledger,
    give: &Give,
    decision: Decision,
    policy: Value,
) -> Result<GrantId, PlanningError> {
    hand_over_in(tx, ledger, give, None, decision, policy).await
}

/// The same; and if there is a window, it becomes the visit's in the same step.
async fn hand_over_in(
    tx: &mut TenantTx,
    ledger: &Ledger,
    give: &Give,
    window: Option<(DateTime<Utc>, DateTime<Utc>)>,
    decision: Decision,
    policy: Value,
) -> Result<GrantId, PlanningError> {
    tx.execute("savepoint hand_over").await?;
    let given = Box::pin(write(tx, ledger, give, window, decision, policy)).await;
    let settle = if given.is_ok() { "release savepoint hand_over" } else { "rollback to savepoint hand_over" };
    tx.execute(settle).await?;
    given
}

async fn write(
    tx: &mut TenantTx,
    ledger: &Ledger,
    give: &Give,
    window: Option<(DateTime<Utc>, DateTime<Utc>)>,
    decision: Decision,
    policy: Value,
) -> Result<GrantId, PlanningError> {
    let slot = clock::slot(give.chosen.starts_at, give.chosen.ends_at)?;
    let (visit, engineer, instead_of) = (give.visit, give.chosen.engineer, give.instead_of);
    let now = ServerTime(decision.at.timestamp_millis());
    let grant = ledger
        .edit(tx, give.ticket, decision.by, now, |desk: &mut Desk<'_>| {
            vacate(desk, visit, instead_of)?;
            if let Some((from, to)) = window {
                promise::set_window(desk, visit, clock::slot(from, to)?)?;
            }
            Ok::<_, PlanningError>(desk.assign(visit, engineer, GrantRole::Lead, Some(slot))?)
        })
        .await?;
    store::insert_explanation(tx, grant, give, decision, policy).await?;
    store::keep_cause(tx, grant, give).await?;
    store::forget_suggestion(tx, visit).await?;
    Ok(grant)
}

/// Takes the visit from whoever is to be replaced and from whoever has declined it. Nobody else loses it.
fn vacate(desk: &mut Desk<'_>, visit: VisitId, instead_of: Option<GrantId>) -> Result<(), PlanningError> {
    let state = desk.state();
    let crew = state.visits.get(&visit).map(|visit| visit.crew.as_slice()).unwrap_or_default();
    let mut present = crew.iter().filter(|member| !member.has_ended);
    if let Some(replaced) = instead_of {
        present.clone().find(|member| member.grant == replaced).ok_or(PlanningError::AssignmentEnded)?;
    } else if let Some(holder) = present.clone().find(|member| member.status != Status::Created) {
        return Err(PlanningError::AlreadyAssigned { grant: holder.grant, engineer: holder.user });
    }
    present.try_for_each(|member| match member.status {
        _ if Some(member.grant) == instead_of => Ok(desk.unassign(member.grant)?),
        Status::Created => Ok(desk.unassign(member.grant)?),
        _ => Ok(()),
    })
}

impl Mode {
    /// As it stands in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Suggested => "suggested",
            Self::Automatic => "automatic",
            Self::Plan => "plan",
            Self::Pool => "pool",
        }
    }
}

/// How often somebody is looked for before the caller is told.
const ATTEMPTS: u32 = 4;
