//! Who is told that a ticket moved: the channels of its engineers, and the outbox.

use std::collections::BTreeSet;

use serde_json::json;
use sync_core::document::TicketState;
use sync_core::time::ServerTime;

use super::LedgerError;
use super::documents::OpenTicket;
use super::feed::{self, Motion};
use super::outbox::{self, Event};
use super::projections::Admitted;
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
    let motions = rescope(tx, open, state).await?;
    if !motions.is_empty() {
        feed::publish(tx, open.ticket, &motions, from_version..=open.version).await?;
    }
    let facts: Vec<&str> = admitted.iter().map(|one| one.fact.body.kind_name()).collect();
    let event = Event {
        kind: "ticket.changed",
        ticket: Some(open.ticket),
        user: admitted.iter().find_map(|one| one.user),
        payload: json!({ "status": state.status.as_str(), "version": open.version, "facts": facts, "needs_review": state.needs_review() }),
    };
    outbox::append(tx, &event, now).await
}

/// Where a ticket is published: to every engineer who has it, and to whoever is still on site although it was given to
/// another.
fn channels(open: &OpenTicket, state: &TicketState) -> BTreeSet<String> {
    let active = open.doc.grants().values().filter(|grant| grant.ended.is_none()).map(|grant| grant.user);
    active.chain(state.present()).map(feed::engineer_channel).collect()
}

/// Brings the scope table up to the document; tells who got the ticket, who has lost it, and who still has it.
async fn rescope(
    tx: &mut TenantTx,
    open: &OpenTicket,
    state: &TicketState,
) -> Result<Vec<(String, Motion)>, LedgerError> {
    let before: BTreeSet<String> =
        sqlx::query_scalar!("select channel from ticket_scope where ticket_id = $1", open.ticket.0)
            .fetch_all(tx.as_mut())
            .await?
            .into_iter()
            .collect();
    let after = channels(open, state);
    let entered: Vec<String> = after.difference(&before).cloned().collect();
    let left: Vec<String> = before.difference(&after).cloned().collect();
    if !(entered.is_empty() && left.is_empty()) {
        sqlx::query!(
            "with gone as (
                delete from ticket_scope where ticket_id = $2 and channel = any($3)
            )
            insert into ticket_scope (tenant_id, channel, ticket_id)
            select $1, channel, $2 from unnest($4::text[]) as entered (channel)",
            tx.tenant().0,
            open.ticket.0,
            &left,
            &entered,
        )
        .execute(tx.as_mut())
        .await?;
    }
    let stayed = before.intersection(&after).cloned();
    Ok(entered
        .iter()
        .cloned()
        .map(|channel| (channel, Motion::Enter))
        .chain(left.into_iter().map(|channel| (channel, Motion::Leave)))
        .chain(stayed.map(|channel| (channel, Motion::Change)))
        .collect())
}
