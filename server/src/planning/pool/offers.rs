//! To whom what is offered: follows the outbox, and writes down what has changed for each engineer.
//!
//! An event only says where to look; what is done depends on what is found. All that reads and writes offers of a tenant
//! takes turns, so that what is written last is what was read last.

use std::collections::{BTreeMap, BTreeSet};

use callout_dispatch::{EngineerIndex, Reason, VisitIndex, assess};
use chrono::{DateTime, Utc};
use sync_core::ids::{SiteId, TicketId, UserId};
use uuid::Uuid;

use super::card::card;
use super::store::{self, OnOffer};
use crate::planning::board::Board;
use crate::planning::board_store::{self as rows, Horizon};
use crate::planning::{Happened, PlanningError, Terms, store as planning_store};
use crate::tenancy::{TenantCtx, TenantTx};

/// Brings the offers up to date with one event.
pub async fn on_event(ctx: &TenantCtx, event: Happened<'_>, now: DateTime<Utc>) -> Result<(), PlanningError> {
    let id = |name: &str| event.payload[name].as_str().and_then(|id| id.parse::<Uuid>().ok());
    match (event.kind, event.ticket) {
        ("site.located", _) => {
            let Some(site) = id("site_id").map(SiteId) else { return Ok(()) };
            let there = async move |tx: &mut TenantTx| planning_store::open_tickets_at(tx, site).await;
            let tickets = ctx.read(there).await?;
            refresh(ctx, &tickets, now).await
        }
        ("engineer.changed", _) => match id("engineer_id").map(UserId) {
            Some(engineer) => {
                ctx.transact(async move |tx: &mut TenantTx| refresh_engineer(tx, engineer, now).await).await
            }
            None => Ok(()),
        },
        // The tenant's mode, or that of a type.
        ("dispatch.changed", _) => {
            let tickets = ctx.read(async move |tx: &mut TenantTx| store::open_or_offered(tx).await).await?;
            refresh(ctx, &tickets, now).await
        }
        (_, Some(ticket)) if matters(&event) => refresh(ctx, &[ticket], now).await,
        _ => Ok(()),
    }
}

/// Whether it can be that another visit is on offer now, or to others. Most of what engineers do is not of that kind, and
/// it is most of what happens.
fn matters(event: &Happened<'_>) -> bool {
    let facts: Vec<&str> =
        event.payload["facts"].as_array().into_iter().flatten().filter_map(|fact| fact.as_str()).collect();
    event.kind != "ticket.changed" || facts.is_empty() || facts.iter().any(|fact| MOVING.contains(fact))
}

/// Facts after which somebody else may have a visit, or nobody, or it is another one.
const MOVING: [&str; 8] = ["assign", "unassign", "decline", "cancel", "reopen", "desk_edit", "reschedule", "close"];

async fn refresh(ctx: &TenantCtx, tickets: &[TicketId], now: DateTime<Utc>) -> Result<(), PlanningError> {
    for some in tickets.chunks(TOGETHER) {
        let some: Vec<Uuid> = some.iter().map(|ticket| ticket.0).collect();
        let is_concerned = {
            let some = some.clone();
            ctx.read(async move |tx: &mut TenantTx| store::is_concerned(tx, &some).await).await?
        };
        if is_concerned {
            ctx.transact(async move |tx: &mut TenantTx| refresh_tickets(tx, &some, now).await).await?;
        }
    }
    Ok(())
}

/// Tickets refreshed in one transaction.
const TOGETHER: usize = 200;

async fn refresh_tickets(tx: &mut TenantTx, tickets: &[Uuid], now: DateTime<Utc>) -> Result<(), PlanningError> {
    store::take_turn(tx).await?;
    let offered = store::on_offer(tx, Some(tickets)).await?;
    let (mut cards, mut changed) = (Vec::with_capacity(offered.len()), Vec::new());
    let known = store::cards(tx, tickets).await?;
    for one in &offered {
        let card = card(one).to_bytes();
        if known.get(&one.ticket_id).is_some_and(|known| *known != card) {
            changed.push(one.ticket_id);
        }
        cards.push((one.ticket_id, one.visit_id, card));
    }
    store::put_cards(tx, tickets, &cards).await?;
    let wanted = match offered.is_empty() {
        true => BTreeSet::new(),
        false => {
            let engineers = rows::engineers(tx).await?;
            able(tx, &offered, engineers, now).await?
        }
    };
    store::put_offers(tx, &wanted, &changed, Some(tickets), None).await
}

async fn refresh_engineer(tx: &mut TenantTx, engineer: UserId, now: DateTime<Utc>) -> Result<(), PlanningError> {
    store::take_turn(tx).await?;
    let mut engineers = rows::engineers(tx).await?;
    engineers.retain(|row| row.engineer_id == engineer.0);
    let mut offered = match engineers.is_empty() {
        true => Vec::new(),
        false => store::on_offer(tx, None).await?,
    };
    // What has no card yet has an event of its own to come.
    let tickets: Vec<Uuid> = offered.iter().map(|one| one.ticket_id).collect();
    let known = store::cards(tx, &tickets).await?;
    offered.retain(|one| known.contains_key(&one.ticket_id));
    let wanted = able(tx, &offered, engineers, now).await?;
    store::put_offers(tx, &wanted, &[], None, Some(engineer)).await
}

/// Who may take what: no hard rule that is not about time refuses him. When he could is found out when he wants it.
async fn able(
    tx: &mut TenantTx,
    offered: &[OnOffer],
    engineers: Vec<rows::EngineerRow>,
    now: DateTime<Utc>,
) -> Result<BTreeSet<(Uuid, Uuid)>, PlanningError> {
    let visits: Vec<Uuid> = offered.iter().map(|one| one.visit_id).collect();
    let tickets: BTreeMap<Uuid, Uuid> = offered.iter().map(|one| (one.visit_id, one.ticket_id)).collect();
    let terms = Terms::load(tx).await?;
    let visits = rows::visits(tx, &visits).await?;
    // A moment has no shifts and no bookings worth loading, and no drive matters: they are estimated.
    let board = Board::load(tx, &visits, engineers, Horizon { from: now, to: now }, &[], &terms).await?;
    let mut able = BTreeSet::new();
    for (at, visit) in (0..).zip(board.engine.visits()) {
        let (id, _) = board.visit(VisitIndex(at));
        let Some(ticket) = tickets.get(&id.0) else { continue };
        for index in (0..).zip(board.engine.engineers()).map(|(index, _)| EngineerIndex(index)) {
            let is_refused = match assess(&board.engine, visit, index, &terms.policy) {
                Ok(_) | Err(Reason::Shift | Reason::TimeOff | Reason::Window | Reason::DoubleBooking) => false,
                Err(_) => true,
            };
            if !is_refused {
                able.insert((board.engineer(index).0, *ticket));
            }
        }
    }
    Ok(able)
}
