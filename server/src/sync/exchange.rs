//! One exchange with a phone: push, then pull, then a signed reply.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use sync_core::ids::Sha256Hash;
use sync_core::time::ServerTime;
use sync_core::wire;
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{
    Batch, Intent, IntentAnswer, IntentOutcome, Item, ScopeAnswer, ServerSigner, SyncReply, SyncRequest, signed,
};

use super::blob_store;
use super::cursor::Place;
use super::pull::{self, Page};
use super::report;
use crate::ledger::{Ledger, LedgerError, Outcome, feed};
use crate::platform::clock::Clock;
use crate::platform::problem::{ApiResult, Problem};
use crate::tenancy::{self, SyncCtx, TenantCtx, TenantTx};

/// A request may decode to this many bytes: a batch of the largest size for each of a few tickets, and what goes with it.
const MAX_REQUEST_BYTES: usize = 8 << 20;

/// What an exchange needs besides the caller.
pub struct Exchange {
    pub ledger: Arc<Ledger>,
    pub signer: ServerSigner,
    pub clock: Clock,
    pub reports: Arc<report::Reports>,
}

/// Answers one request, given as it came.
pub async fn exchange(exchange: &Exchange, caller: &SyncCtx, body: &[u8]) -> ApiResult<Vec<u8>> {
    let SyncCtx { ctx, standing } = caller;
    let is_active = *standing == tenancy::Standing::Active;
    let now = ServerTime(exchange.clock.now_ms());
    let request = read(body)?;
    if ctx.device() != Some(request.device) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "other-device",
            "This session is not that of the device that asks",
        ));
    }
    let ledger = &exchange.ledger;
    let pushed = hashes(&request);
    let outcomes = ledger.accept(ctx, is_active, request.batches.clone(), now).await?;
    exchange.reports.note(ctx, &request, now).await?;
    let mut reply = SyncReply::new(ledger.epoch(), request.cursor.clone(), now);
    reply.standing = wire::Standing::PushOnly;
    if is_active {
        let page = page(exchange, ctx, &request, pushed).await?;
        reply.standing = wire::Standing::Active;
        reply.cursor = page.place.write();
        // The whole scope is sent again where digests were to be compared: right, if not yet thrifty.
        reply.scope = request.scope.map(|_| ScopeAnswer::Differs).filter(|_| page.is_reset);
        (reply.items, reply.more, reply.feed_reset) = (page.items, page.more, page.is_reset);
    }
    for outcome in outcomes {
        match outcome {
            Outcome::Answered { ack, rejects } => {
                reply.acks.push(ack);
                reply.rejects.extend(rejects);
            }
            Outcome::Deferred(deferred) => reply.deferred.push(deferred),
            Outcome::Refused(refusal) => reply.refused_batches.push(refusal),
        }
    }
    reply.answers = request.intents.iter().map(not_offered).collect();
    let effort =
        if reply.items.iter().any(|item| matches!(item, Item::Enter(_))) { Effort::Thorough } else { Effort::Quick };
    Ok(signed::seal(&reply.encode(), body, effort, &exchange.signer))
}

fn read(body: &[u8]) -> ApiResult<SyncRequest> {
    let malformed =
        |detail: String| Problem::new(StatusCode::BAD_REQUEST, "malformed-sync", "Not a sync request").detail(detail);
    let message = envelope::unpack(body, MAX_REQUEST_BYTES).map_err(|error| malformed(error.to_string()))?;
    SyncRequest::decode(&message).map_err(|error| malformed(error.to_string()))
}

/// What this request pushes: the reply to it does not bring that back.
fn hashes(request: &SyncRequest) -> HashSet<Sha256Hash> {
    let batches = request.batches.iter().filter_map(|bytes| Batch::decode(bytes).ok()?.claims().ok());
    batches.flat_map(|claims| claims.change_hashes).collect()
}

async fn page(
    exchange: &Exchange,
    ctx: &TenantCtx,
    request: &SyncRequest,
    pushed: HashSet<Sha256Hash>,
) -> Result<Page, LedgerError> {
    let (ledger, budget) = (Arc::clone(&exchange.ledger), request.budget);
    let place = Place::read(&request.cursor, ledger.epoch());
    let (channels, awaited) = (channels(ctx), request.awaiting_blobs.clone());
    ctx.read(async move |tx: &mut TenantTx| {
        let mut page = pull::pull(tx, &ledger, place, &channels, budget, &pushed).await?;
        page.items.extend(blob_store::stored(tx, &awaited).await?);
        Ok(page)
    })
    .await
}

/// Where what this user may see is published.
fn channels(ctx: &TenantCtx) -> Vec<String> {
    ctx.user().map(|user| vec![feed::engineer_channel(user)]).unwrap_or_default()
}

/// This server grants no wishes of this kind; the phone tells its user rather than waiting.
fn not_offered(intent: &Intent) -> IntentAnswer {
    IntentAnswer {
        id: intent.id,
        outcome: IntentOutcome::Refused,
        code: "not_offered".into(),
        detail: format!("this server does not take {:?} requests", intent.kind.chars().take(40).collect::<String>()),
        ticket: intent.ticket,
        payload: Vec::new(),
    }
}
