//! Wishes without a document. What a phone could not say any more is kept for a dispatcher to see; the other kinds are
//! not offered here, and the phone tells its user rather than waiting.

use sync_core::document::Fact;
use sync_core::ids::{DeviceId, Sha256Hash, TicketId, UserId};
use sync_core::time::ServerTime;
use sync_core::wire::{Intent, IntentAnswer, IntentOutcome, intent};

use crate::ledger::quarantine::{self, HandedIn, SetAside};
use crate::ledger::{LedgerError, instant};
use crate::platform::random::Random;
use crate::tenancy::{TenantCtx, TenantTx};

/// Wishes answered in one request; the others are answered in the next.
const MOST: usize = 200;

/// An answer for each wish, in their order.
pub async fn answer(
    ctx: &TenantCtx,
    device: DeviceId,
    wishes: &[Intent],
    now: ServerTime,
) -> Result<Vec<IntentAnswer>, LedgerError> {
    let Some(user) = ctx.user().filter(|_| !wishes.is_empty()) else { return Ok(Vec::new()) };
    let taken = &wishes[..wishes.len().min(MOST)];
    let reviews: Vec<HandedIn> =
        taken.iter().filter_map(|wish| review(wish, device, user, now).ok().flatten()).collect();
    if !reviews.is_empty() {
        ctx.transact(async move |tx: &mut TenantTx| quarantine::hand_in(tx, &reviews, now).await.map(drop)).await?;
    }
    let decided = taken.iter().map(|wish| match review(wish, device, user, now) {
        Ok(Some(_)) => say(wish, IntentOutcome::Granted, "for_review", "a dispatcher can see it now".into()),
        Ok(None) => say(wish, IntentOutcome::Refused, "not_offered", not_offered(&wish.kind)),
        Err(why) => say(wish, IntentOutcome::Refused, "malformed", why.into()),
    });
    let later = wishes.iter().skip(MOST).map(|wish| say(wish, IntentOutcome::UnderWay, "", String::new()));
    Ok(decided.chain(later).collect())
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

fn say(wish: &Intent, outcome: IntentOutcome, code: &str, detail: String) -> IntentAnswer {
    IntentAnswer { id: wish.id, outcome, code: code.into(), detail, ticket: wish.ticket, payload: Vec::new() }
}
