//! An engineer wants a ticket from the pool. He asked on his phone, perhaps hours ago and with no network; it is decided
//! here and now, with the ticket locked. Of two who want the same one gets it, and the other is told why not.

use chrono::{DateTime, Utc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::store::{self, Standing};
use super::take_store;
use crate::ledger::{By, Ledger, LedgerError};
use crate::planning::assign::{Decision, assign};
use crate::planning::considered::Reason;
use crate::planning::rank::Question;
use crate::planning::travel::Roads;
use crate::planning::{Mode, PlanningError, Terms, Wish};
use crate::tenancy::TenantTx;

/// Who wants what.
#[derive(Debug, Clone, Copy)]
pub struct Taking {
    pub user: UserId,
    /// The wish's own id: the same one is decided once.
    pub wish: Uuid,
    pub ticket: TicketId,
    /// One visit of it; none: the one that is on offer.
    pub visit: Option<VisitId>,
    /// It was wished too long ago to be meant still.
    pub is_stale: bool,
    /// It is not wanted any more.
    pub is_withdrawn: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub ticket: TicketId,
    pub visit: Option<VisitId>,
    /// None: refused.
    pub grant: Option<GrantId>,
    /// Stable. Of a refusal: `taken`, `cancelled`, `not_in_pool`, `withdrawn`, `too_old`, `not_located`, `not_an_engineer`, or the
    /// hard rule.
    pub code: String,
    /// For the engineer.
    pub detail: String,
}

/// Decides about a wish, or says again what was decided. Once this has committed, the answer stays what it is, whatever
/// becomes of the assignment.
pub async fn take(
    tx: &mut TenantTx,
    ledger: &Ledger,
    taking: Taking,
    roads: &Roads,
    now: DateTime<Utc>,
) -> Result<Answer, PlanningError> {
    let Taking { user, wish, .. } = taking;
    take_store::take_turn(tx, user, wish).await?;
    if let Some(answer) = take_store::answer(tx, user, wish).await? {
        return Ok(answer);
    }
    let answer = decide(tx, ledger, taking, roads, now).await?;
    take_store::keep(tx, (user, wish), &answer, now).await?;
    Ok(answer)
}

async fn decide(
    tx: &mut TenantTx,
    ledger: &Ledger,
    taking: Taking,
    roads: &Roads,
    now: DateTime<Utc>,
) -> Result<Answer, PlanningError> {
    let refused = |visit: Option<VisitId>, (code, detail): (&str, String)| Answer {
        ticket: taking.ticket,
        visit,
        grant: None,
        code: code.to_owned(),
        detail,
    };
    if taking.is_withdrawn {
        return Ok(refused(taking.visit, said("withdrawn", "you did not want it any more")));
    }
    let is_known = take_store::lock(tx, taking.ticket).await?;
    let Some((visit, standing)) = (match is_known {
        true => meant(tx, taking).await?,
        false => None,
    }) else {
        return Ok(refused(None, said("not_in_pool", NOT_IN_POOL)));
    };
    match standing.held_by() {
        Some((grant, engineer)) if engineer == taking.user => {
            let answer = refused(Some(visit), said("already_yours", "you have it already"));
            return Ok(Answer { grant: Some(grant), ..answer });
        }
        Some(_) => return Ok(refused(Some(visit), said("taken", TAKEN))),
        None if standing.status == "cancelled" => {
            return Ok(refused(Some(visit), said("cancelled", "it has been called off")));
        }
        None if !standing.is_open() || !standing.is_offered => {
            return Ok(refused(Some(visit), said("not_in_pool", NOT_IN_POOL)));
        }
        None => {}
    }
    if taking.is_stale {
        return Ok(refused(Some(visit), said("too_old", "you asked for it long ago; ask again if you still want it")));
    }
    let decision = Decision { by: By::server(), mode: Mode::Pool, run: None, at: now };
    let wish = Wish { engineer: Some(taking.user), ..Wish::default() };
    let terms = Terms::load(tx).await?.by(roads);
    match Box::pin(assign(tx, ledger, Question::about(visit), wish, decision, &terms)).await {
        Ok(made) => {
            let answer = refused(Some(visit), said("granted", "it is yours"));
            Ok(Answer { grant: Some(made.grant), ..answer })
        }
        Err(error) => Ok(refused(Some(visit), why_not(error)?)),
    }
}

/// The visit that is meant and how it stands. Of several the first that is on offer; if none is, the first that speaks of
/// why not.
async fn meant(tx: &mut TenantTx, taking: Taking) -> Result<Option<(VisitId, Standing)>, PlanningError> {
    let mut meant = None;
    for visit in take_store::visits(tx, taking.ticket).await? {
        if taking.visit.is_some_and(|wanted| wanted != visit) {
            continue;
        }
        let Some(standing) = store::standing(tx, visit).await? else { continue };
        if standing.is_open() && standing.is_offered {
            return Ok(Some((visit, standing)));
        }
        meant.get_or_insert((visit, standing));
    }
    Ok(meant)
}

/// What to tell the engineer; an error if it is none that says anything about the wish.
fn why_not(error: PlanningError) -> Result<(&'static str, String), PlanningError> {
    Ok(match error {
        PlanningError::HardRule(reason) => (reason.rule(), in_words(&reason)),
        PlanningError::AlreadyAssigned { .. } => ("taken", TAKEN.to_owned()),
        PlanningError::NotLocated => ("not_located", "nobody knows yet where it is".to_owned()),
        PlanningError::NoSuchEngineer => ("not_an_engineer", "you are not among the engineers in service".to_owned()),
        error if error.is_double_booked() => (Reason::DoubleBooking.rule(), in_words(&Reason::DoubleBooking)),
        PlanningError::NotFound
        | PlanningError::Ledger(LedgerError::Refused(_) | LedgerError::NotFound | LedgerError::Erased { .. }) => {
            ("not_in_pool", NOT_IN_POOL.to_owned())
        }
        other => return Err(other),
    })
}

/// A hard rule as one says it to him whom it refuses.
fn in_words(reason: &Reason) -> String {
    match reason {
        Reason::Pinned { .. } => "it is meant for somebody else".to_owned(),
        Reason::Barred => "you have declined it, or are not to go there".to_owned(),
        Reason::Territory => "it is not in your territory".to_owned(),
        Reason::Skill { skill, needs, has: None } => format!("it needs the skill {skill} (level {needs})"),
        Reason::Skill { skill, needs, has: Some(has) } => {
            format!("it needs the skill {skill} at level {needs}, and yours is {has}")
        }
        Reason::Certificate { skill, expires_at: None } => format!("it needs a certificate for {skill}"),
        Reason::Certificate { skill, expires_at: Some(_) } => {
            format!("your certificate for {skill} ends before it does")
        }
        Reason::Capacity => "it is more than your van takes".to_owned(),
        Reason::Shift => "you have no shift in which it fits".to_owned(),
        Reason::TimeOff => "you are off then".to_owned(),
        Reason::Window => "you cannot be there in time".to_owned(),
        Reason::DoubleBooking => "it does not fit beside what you have to do already".to_owned(),
        Reason::NoHome => "nobody has entered where you set out".to_owned(),
    }
}

fn said(code: &'static str, words: &str) -> (&'static str, String) {
    (code, words.to_owned())
}

const TAKEN: &str = "somebody else was first";
const NOT_IN_POOL: &str = "it is not in the pool any more";
