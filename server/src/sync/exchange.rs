//! One exchange with a phone: push, then pull, then a signed reply.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use axum::http::StatusCode;
use sync_core::ids::Sha256Hash;
use sync_core::time::ServerTime;
use sync_core::wire;
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{Batch, BatchHeader, Item, ScopeAnswer, ServerSigner, SyncReply, SyncRequest, signed};

use super::cursor::Place;
use super::pull::{self, Page};
use super::wishes::{self, Bringing};
use super::{
    blob_store, certificate, knowledge, notice_store, pool, reference_store, report, report_store, scope, versions,
};
use crate::ledger::{Ledger, LedgerError, Outcome, Push, feed};
use crate::planning::travel::Roads;
use crate::platform::clock::Clock;
use crate::platform::config::Oldest;
use crate::platform::problem::{ApiResult, Problem};
use crate::tenancy::{self, SyncCtx, TenantCtx, TenantTx};

/// A request may decode to this many bytes: a batch of the largest size for each of a few tickets, and what goes with it.
const MAX_REQUEST_BYTES: usize = 8 << 20;

/// So many tickets that a phone cannot open are listened to in one request: more than anybody has.
const MOST_UNREADABLE: usize = 1000;

/// What an exchange needs besides the caller.
pub struct Exchange {
    pub ledger: Arc<Ledger>,
    /// How long drives take: whoever takes work has to get there.
    pub roads: Roads,
    pub signer: ServerSigner,
    pub clock: Clock,
    pub reports: Arc<report::Reports>,
    pub oldest: Oldest,
}

/// Answers one request, given as it came.
pub async fn exchange(exchange: &Exchange, caller: &SyncCtx, body: &[u8]) -> ApiResult<Vec<u8>> {
    let SyncCtx { ctx, standing } = caller;
    let is_active = *standing == tenancy::Standing::Active;
    let now = ServerTime(exchange.clock.now_ms());
    let mut request = read(body)?;
    request.unreadable.truncate(MOST_UNREADABLE);
    if ctx.device() != Some(request.device) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "other-device",
            "This session is not that of the device that asks",
        ));
    }
    let ledger = &exchange.ledger;
    ledger.take_back(ctx, mem::take(&mut request.returned), now).await?;
    // A phone that takes this server for an earlier one is told first; then it gives back what that one had, and what it
    // has to say stands on that.
    if request.server_epoch.is_some_and(|known| known != ledger.epoch()) {
        request.batches.clear();
        request.couriered.clear();
    }
    let (batches, wishes) = (mem::take(&mut request.batches), mem::take(&mut request.intents));
    let named = named(&batches);
    let pushed = named.iter().flatten().flat_map(|(header, _)| header.change_hashes.iter().copied()).collect();
    let push = Push { batches, offered_again: request.offered_again };
    let outcomes = ledger.accept(ctx, is_active, push, now).await?;
    let delivered = ledger.accept_couriered(ctx, mem::take(&mut request.couriered), now).await?;
    let settled = entries_settled(&outcomes, &named, request.offered_again);
    exchange.reports.note(ctx, &request, settled, now).await?;
    let bringing = Bringing { device: request.device, device_time: request.device_time, is_active, now };
    let answers = wishes::answer(ctx, ledger, &exchange.roads, &wishes, bringing).await?;
    let mut reply = SyncReply::new(ledger.epoch(), request.cursor.clone(), now);
    reply.answers = answers;
    (reply.acks, reply.refused_couriered) = (delivered.acks, delivered.refused);
    if is_active && request.wants_certificate {
        reply.certificate = certificate::issue(ledger, &exchange.signer, ctx, now).await?;
    }
    reply.standing = if is_active { wire::Standing::Active } else { wire::Standing::PushOnly };
    reply.upgrade_required = versions::upgrade(&exchange.oldest, &request);
    if is_active && !request.unreadable.is_empty() {
        let (device, channels, unreadable) = (request.device, channels(ctx), request.unreadable.clone());
        let note =
            async move |tx: &mut TenantTx| report_store::put_unreadable(tx, device, &channels, unreadable, now).await;
        ctx.transact(note).await?;
    }
    if !is_active || reply.upgrade_required.is_some() {
        // That its bytes are stored is an answer to what it handed in, like an ack.
        let awaited = request.awaiting_blobs;
        reply.items = ctx.read(async move |tx: &mut TenantTx| blob_store::stored(tx, &awaited).await).await?;
    } else {
        let (page, scope) = page(exchange, ctx, request, pushed, now).await?;
        reply.cursor = page.place.write();
        reply.scope = scope;
        (reply.items, reply.more, reply.feed_reset) = (page.items, page.more, page.is_reset);
    }
    // A receipt is only for what was verified: beside it may stand another batch that claims to be the same.
    let mut taken = Vec::new();
    for (outcome, named) in outcomes.into_iter().zip(named) {
        match outcome {
            Outcome::Answered { ack, rejects } => {
                taken.extend(named);
                reply.acks.push(ack);
                reply.rejects.extend(rejects);
            }
            Outcome::Deferred(deferred) => reply.deferred.push(deferred),
            // Only of what a courier brings.
            Outcome::Waits => {}
            Outcome::Refused(refusal) => reply.refused_batches.push(refusal),
        }
    }
    reply.give_receipts(&taken, &exchange.signer);
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

/// What these batches say of themselves, each with its hash. The reply does not bring back what they push, and has a
/// receipt for each that was taken.
fn named(batches: &[Vec<u8>]) -> Vec<Option<(BatchHeader, Sha256Hash)>> {
    let named = |bytes: &Vec<u8>| {
        let batch = Batch::decode(bytes).ok()?;
        Some((batch.claims().ok()?, batch.hash()))
    };
    batches.iter().map(named).collect()
}

/// How many of the entries that the phone counted as unsent are so no more.
fn entries_settled(outcomes: &[Outcome], named: &[Option<(BatchHeader, Sha256Hash)>], offered_again: u32) -> u32 {
    let in_turn = outcomes.iter().zip(named).skip(usize::try_from(offered_again).unwrap_or(usize::MAX));
    let answered = in_turn.filter(|(outcome, _)| matches!(outcome, Outcome::Answered { .. }));
    let entries: usize = answered.filter_map(|(_, named)| Some(named.as_ref()?.0.change_hashes.len())).sum();
    u32::try_from(entries).unwrap_or(u32::MAX)
}

async fn page(
    exchange: &Exchange,
    ctx: &TenantCtx,
    request: SyncRequest,
    pushed: HashSet<Sha256Hash>,
    now: ServerTime,
) -> Result<(Page, Option<ScopeAnswer>), LedgerError> {
    let (ledger, channels) = (Arc::clone(&exchange.ledger), channels(ctx));
    let place = Place::read(&request.cursor, ledger.epoch());
    let user = ctx.user();
    ctx.read(async move |tx: &mut TenantTx| {
        let mut page = pull::pull(tx, &ledger, place, &channels, request.budget, &pushed).await?;
        let scope = scope::repair(tx, &ledger, &channels, &request, &mut page).await?;
        page.items.extend(reference_store::of(tx, &page.beside, now).await?);
        if let Some(user) = user {
            page.items.extend(notice_store::of_tickets(tx, user, request.device, &page.noticed, now).await?);
        }
        page.items.extend(notice_store::decisions(tx, request.device, request.outstanding.drafts).await?);
        page.items.extend(blob_store::stored(tx, &request.awaiting_blobs).await?);
        let is_same_server = request.server_epoch.is_none_or(|known| known == ledger.epoch());
        if let Some(user) = user.filter(|_| !page.more) {
            page.items.extend(pool::page(tx, user, &request, is_same_server).await?);
        }
        // Tickets first: articles fill the room that they leave, once there are no more of them.
        if !page.more && page.room > 0 {
            page.items.extend(knowledge::page(tx, &request, is_same_server, page.room).await?);
        }
        Ok((page, scope))
    })
    .await
}

/// Where what this user may see is published.
fn channels(ctx: &TenantCtx) -> Vec<String> {
    ctx.user().map(|user| vec![feed::engineer_channel(user)]).unwrap_or_default()
}
