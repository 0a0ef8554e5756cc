//! Who is told that a ticket moved: the channels of its engineers, and the outbox.

use std::collections::BTreeSet;

use serde_json::json;
use sync_core::document::TicketState;
use sync_core::time::ServerTime;

use super::documents::OpenTicket;
use super::feed;
use super::outbox::Event;
use super::projections::Admitted;
use super::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// Publishes what was just stored, from `from_version` on.
pub async fn publish(
    tx: &mut TenantTx,
    open: &OpenTicket,
    state: &TicketState,
    admitted: &[Admitted],
    from_version: i64,
    now: ServerTime,
) -> Result<(), LedgerError> {
    let facts: Vec<&str> = admitted.iter().map(|one| one.fact.body.kind_name()).collect();
    let event = Event {
        kind: "ticket.changed",
        ticket: Some(open.ticket),
        user: admitted.iter().find_map(|one| one.user),
        payload: json!({ "status": state.status.as_str(), "version": open.version, "facts": facts, "needs_review": state.needs_review() }),
    };
    store(tx, open, &channels(open, state), from_version, &event, now).await
}

/// Where a ticket is published: to every engineer who has it, and to whoever is still on site although it was given to
/// another.
fn channels(open: &OpenTicket, state: &TicketState) -> BTreeSet<String> {
    let active = open.doc.grants().values().filter(|grant| grant.ended.is_none()).map(|grant| grant.user);
    active.chain(state.present()).map(feed::engineer_channel).collect()
}

/// Brings the scope table up to the document; tells who got the ticket, who has lost it, who still has it, and the
/// outbox. One statement, since every push comes through here.
async fn store(
    tx: &mut TenantTx,
    open: &OpenTicket,
    channels: &BTreeSet<String>,
    from_version: i64,
    event: &Event,
    now: ServerTime,
) -> Result<(), LedgerError> {
    let channels: Vec<String> = channels.iter().cloned().collect();
    sqlx::query!(
        "with before as (
            select channel from ticket_scope where ticket_id = $2
        ), gone as (
            delete from ticket_scope where ticket_id = $2 and channel <> all($3)
        ), entered as (
            insert into ticket_scope (tenant_id, channel, ticket_id)
            select $1, channel, $2
            from unnest($3::text[]) as after (channel)
            where channel not in (select channel from before)
        ), moved as (
            insert into feed (tenant_id, channel, ticket_id, kind, from_version, to_version)
            select $1, coalesce(before.channel, after.channel), $2,
                case when before.channel is null then 'enter' when after.channel is null then 'leave' else 'change' end, $4, $5
            from before
            full join unnest($3::text[]) as after (channel) on after.channel = before.channel
        ), event as (
            insert into outbox (tenant_id, kind, ticket_id, user_id, payload, created_at)
            values ($1, $6, $2, $7, $8, $9)
        )
        select pg_notify('outbox', $1::uuid::text)",
        tx.tenant().0,
        open.ticket.0,
        &channels,
        from_version,
        open.version,
        event.kind,
        event.user.map(|id| id.0),
        event.payload,
        instant(now),
    )
    .fetch_one(tx.as_mut())
    .await?;
    Ok(())
}
