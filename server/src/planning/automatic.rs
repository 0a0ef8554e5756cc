//! Follows the outbox for ticket types that are dispatched by the server: assigns or suggests when a visit needs
//! somebody. What an event means for appointments that exist is followed by [`replan`].
//!
//! An event only says where to look; what is done depends on what is found. So an event that comes twice, late or out
//! of order does no harm: a visit that somebody has is left alone, and so is one that a dispatcher has taken away.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sync_core::ids::{SiteId, TicketId};

use super::assign::{Decision, Mode, Wish, assign, persist};
use super::rank::{Question, rank};
use super::store::{self, DueRow};
use super::travel::{Roads, informed};
use super::{PlanningError, Terms, replan};
use crate::directory::DispatchMode;
use crate::ledger::{By, Ledger};
use crate::tenancy::{TenantCtx, TenantTx};

/// An event as far as planning is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    pub kind: &'a str,
    pub ticket: Option<TicketId>,
    pub payload: &'a Value,
}

/// Does for one event what the types of the tickets concerned ask for.
pub async fn on_event(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    event: Happened<'_>,
    now: DateTime<Utc>,
) -> Result<(), PlanningError> {
    for ticket in concerned(ctx, event).await? {
        attend(ctx, ledger, roads, ticket, now).await?;
    }
    replan::follow(ctx, ledger, roads, event, now).await
}

/// Assigns or suggests where a visit of this ticket wants somebody.
pub(super) async fn attend(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    ticket: TicketId,
    now: DateTime<Utc>,
) -> Result<(), PlanningError> {
    let due = ctx.read(async move |tx: &mut TenantTx| store::due(tx, ticket).await).await?;
    for visit in due {
        let decision = Decision { by: By::caller(ctx), mode: Mode::Automatic, run: None, at: now };
        let act = |roads: Roads| async move {
            let act = || {
                let (ledger, roads) = (Arc::clone(ledger), roads.clone());
                ctx.transact(async move |tx: &mut TenantTx| {
                    let terms = Terms::load(tx).await?.by(&roads);
                    dispatch(tx, &ledger, visit, decision, &terms).await
                })
            };
            persist(act).await
        };
        Box::pin(informed(roads, act)).await?;
    }
    Ok(())
}

/// The tickets that an event may have put in want of an engineer.
async fn concerned(ctx: &TenantCtx, event: Happened<'_>) -> Result<Vec<TicketId>, PlanningError> {
    let says = |fact: &str| event.payload["facts"].as_array().is_some_and(|facts| facts.iter().any(|one| one == fact));
    match (event.kind, event.ticket) {
        ("ticket.created" | "ticket.located", Some(ticket)) => Ok(vec![ticket]),
        ("ticket.changed", Some(ticket)) if FREEING.iter().any(|fact| says(fact)) => Ok(vec![ticket]),
        ("site.located", _) => {
            let site = event.payload["site_id"].as_str().and_then(|id| id.parse::<SiteId>().ok());
            let Some(site) = site else { return Ok(Vec::new()) };
            ctx.read(async move |tx: &mut TenantTx| store::open_tickets_at(tx, site).await).await
        }
        _ => Ok(Vec::new()),
    }
}

async fn dispatch(
    tx: &mut TenantTx,
    ledger: &Ledger,
    due: DueRow,
    decision: Decision,
    terms: &Terms,
) -> Result<(), PlanningError> {
    let (visit, ticket) = (due.visit, due.ticket);
    let question = Question::about(visit);
    let considered = match due.mode {
        DispatchMode::Suggest => rank(tx, question, terms, decision.at).await?.considered,
        DispatchMode::Automatic => match assign(tx, ledger, question, Wish::default(), decision, terms).await {
            Ok(made) => {
                tracing::info!(visit.id = %visit, engineer.id = %made.chosen.engineer, "visit assigned by the server");
                return Ok(());
            }
            Err(PlanningError::NobodyCan(considered)) => *considered,
            Err(error) if error.is_overtaken() => return Ok(()),
            Err(error) => return Err(error),
        },
        DispatchMode::Pool | DispatchMode::Manual => return Ok(()),
    };
    store::keep_suggestion(tx, (visit, ticket), &considered, terms, decision.at).await
}

/// Facts after which a visit may need somebody: it was declined or taken back, or the ticket got another site.
const FREEING: [&str; 3] = ["decline", "unassign", "desk_edit"];
