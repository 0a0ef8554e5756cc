//! Wishes without a document. A ticket that somebody wants from the pool is decided here and now; what a phone could not
//! say any more is kept for a dispatcher to see; the other kinds are not offered here, and the phone tells its user rather
//! than waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use sync_core::document::Fact;
use sync_core::ids::{DeviceId, Sha256Hash, TicketId, UserId, VisitId};
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::{Intent, IntentAnswer, IntentOutcome, intent};
use uuid::Uuid;

use crate::ledger::quarantine::{self, HandedIn, SetAside};
use crate::ledger::{Ledger, instant};
use crate::planning::PlanningError;
use crate::planning::assign::persist;
use crate::planning::pool::{self, Taking};
use crate::planning::travel::{Roads, informed};
use crate::platform::problem::ApiResult;
use crate::platform::random::Random;
use crate::tenancy::{Permission, TenantCtx, TenantTx};

/// Wishes answered in one request; the others are answered in the next.
const MOST: usize = 200;
/// Tickets that are decided about in one request: each is a transaction of its own.
const MOST_TAKEN: usize = 20;
/// After so long the others are decided in the next request: a phone does not wait for every drive of each of them.
const LONGEST_TAKING: Duration = Duration::from_secs(10);
/// Bytes of what a wish for a ticket says.
const LONGEST_TAKE: usize = 1_024;
/// Whoever wanted a ticket longer ago does not wait for it any more.
const STALE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// By whom and when the wishes are brought.
#[derive(Clone, Copy)]
pub struct Bringing {
    pub device: DeviceId,
    /// What its clock says now.
    pub device_time: DeviceTime,
    /// Neither user nor device has been revoked.
    pub is_active: bool,
    pub now: ServerTime,
}

/// An answer for each wish, in their order.
pub async fn answer(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    wishes: &[Intent],
    bringing: Bringing,
) -> ApiResult<Vec<IntentAnswer>> {
    let Some(user) = ctx.user().filter(|_| !wishes.is_empty()) else { return Ok(Vec::new()) };
    let Bringing { device, now, .. } = bringing;
    let now_taken = &wishes[..wishes.len().min(MOST)];
    let reviews: Vec<HandedIn> =
        now_taken.iter().filter_map(|wish| review(wish, device, user, now).ok().flatten()).collect();
    if !reviews.is_empty() {
        ctx.transact(async move |tx: &mut TenantTx| quarantine::hand_in(tx, &reviews, now).await.map(drop)).await?;
    }
    let (mut answers, mut takes, begun) = (Vec::with_capacity(wishes.len()), 0, Instant::now());
    for wish in now_taken {
        answers.push(match review(wish, device, user, now) {
            Ok(Some(_)) => say(wish, IntentOutcome::Granted, "for_review", "a dispatcher can see it now".into()),
            Ok(None) if wish.kind == intent::TAKE && (takes == MOST_TAKEN || begun.elapsed() > LONGEST_TAKING) => {
                later(wish)
            }
            Ok(None) if wish.kind == intent::TAKE => {
                takes += 1;
                take(ctx, ledger, roads, user, wish, bringing).await?
            }
            Ok(None) => say(wish, IntentOutcome::Refused, "not_offered", not_offered(&wish.kind)),
            Err(why) => malformed(wish, why),
        });
    }
    answers.extend(wishes.iter().skip(MOST).map(later));
    Ok(answers)
}

/// What the payload of a wish for a ticket may say; members that are not known say nothing.
#[derive(Default, Deserialize)]
struct TakePayload {
    /// One visit of the ticket; left out: the one that is on offer.
    visit: Option<Uuid>,
    /// It is not wanted any more, unless it was decided before.
    #[serde(default)]
    withdrawn: bool,
}

async fn take(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    user: UserId,
    wish: &Intent,
    bringing: Bringing,
) -> ApiResult<IntentAnswer> {
    let Some(ticket) = wish.ticket else { return Ok(malformed(wish, "it names no ticket")) };
    if wish.payload.len() > LONGEST_TAKE {
        return Ok(malformed(wish, "its payload is too long"));
    }
    let payload = match wish.payload.is_empty() {
        true => Ok(TakePayload::default()),
        false => serde_json::from_slice(&wish.payload),
    };
    let Ok(TakePayload { visit, withdrawn }) = payload else {
        return Ok(malformed(wish, "its payload is not what a taker says"));
    };
    if !bringing.is_active || !ctx.may(Permission::TakeWork) {
        let words = "you cannot take work with this phone any more";
        return Ok(say(wish, IntentOutcome::Refused, "not_allowed", words.into()));
    }
    // Both by the clock of the phone, whatever that says.
    let is_stale = bringing.device_time.0.saturating_sub(wish.made_at.0) > STALE_MS;
    let taking = Taking { user, wish: wish.id.0, ticket, visit: visit.map(VisitId), is_stale, is_withdrawn: withdrawn };
    let decide = |roads: Roads| {
        let (ledger, now) = (Arc::clone(ledger), instant(bringing.now));
        ctx.transact(async move |tx: &mut TenantTx| pool::take(tx, &ledger, taking, &roads, now).await)
    };
    let decided = informed(roads, |roads: Roads| {
        persist({
            let decide = &decide;
            move || decide(roads.clone())
        })
    });
    match decided.await {
        Ok(answer) => {
            let outcome = if answer.grant.is_some() { IntentOutcome::Granted } else { IntentOutcome::Refused };
            Ok(IntentAnswer { ticket: Some(ticket), ..say(wish, outcome, &answer.code, answer.detail) })
        }
        Err(error) if !is_lasting(&error) => Err(error.into()),
        // It would fail again: one wish must not keep everything else from the phone.
        Err(error) => {
            tracing::error!(ticket.id = %ticket, %error, "nothing could be decided about a ticket of the pool");
            let words = "the server could not decide it; ask a dispatcher";
            Ok(say(wish, IntentOutcome::Refused, "failed", words.into()))
        }
    }
}

/// Whether the same wish would fail in the same way again, and nothing else with it.
fn is_lasting(error: &PlanningError) -> bool {
    match error {
        PlanningError::Database(_) => false,
        PlanningError::Ledger(error) => error.is_of_one_ticket(),
        _ => true,
    }
}

/// What is handed in by this wish; none if it is of another kind.
fn review(wish: &Intent, device: DeviceId, user: UserId, now: ServerTime) -> Result<Option<HandedIn>, &'static str> {
    if wish.kind != intent::REVIEW {
        return Ok(None);
    }
    let fact = Fact::from_bytes(&wish.payload).map_err(|_| "its payload is not an entry of a ticket")?;
    if fact.id.0 != wish.id.0 {
        return Err("it does not carry the id of its entry");
    }
    let ticket: TicketId = wish.ticket.ok_or("it names no ticket")?;
    let aside = SetAside {
        id: Random.uuid(instant(now)),
        change: Sha256Hash::of(&wish.payload),
        bytes: wish.payload.clone(),
        fact: fact.id,
        kind: Some(fact.body.kind_name().to_owned()),
        code: "not_made_again".into(),
        detail: "the ticket had moved on, and the phone could not say this any more".into(),
    };
    Ok(Some(HandedIn { ticket, device, user, aside }))
}

fn not_offered(kind: &str) -> String {
    format!("this server does not take {:?} requests", kind.chars().take(40).collect::<String>())
}

fn malformed(wish: &Intent, why: &str) -> IntentAnswer {
    say(wish, IntentOutcome::Refused, "malformed", why.into())
}

fn later(wish: &Intent) -> IntentAnswer {
    say(wish, IntentOutcome::UnderWay, "", String::new())
}

fn say(wish: &Intent, outcome: IntentOutcome, code: &str, detail: String) -> IntentAnswer {
    IntentAnswer { id: wish.id, outcome, code: code.into(), detail, ticket: wish.ticket, payload: Vec::new() }
}
