//! When could somebody come? For a visit, or for work that has no ticket yet; and the choice of one such window.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sync_core::ids::{SiteId, UserId, VisitId};

use super::offer_store::{self, Setting};
use super::offer_view::{AcceptOfferRequest, AcceptedOfferView, NewOffersRequest, OffersRequest, OffersView};
use super::offer_windows::{most, window, windows};
use super::{explain, store};
use crate::directory::store::ticket_type;
use crate::directory::{Code, Position, Priority, SkillLevel, Unacceptable, WorkDuration, time_zone};
use crate::ledger::{By, Ledger};
use crate::planning::assign::{Decision, persist};
use crate::planning::offers::{Inquiry, Offers, Request, Subject, offers};
use crate::planning::promise::{Promise, promise};
use crate::planning::travel::{Roads, informed};
use crate::planning::{Considered, Mode, PlanningError, Terms};
use crate::platform::problem::{ApiResult, Problem, invalid};
use crate::tenancy::{TenantCtx, TenantTx};

/// Windows to offer for a visit.
pub async fn for_visit(
    ctx: &TenantCtx,
    roads: &Roads,
    visit: VisitId,
    request: &OffersRequest,
    now: DateTime<Utc>,
) -> ApiResult<OffersView> {
    let look = async move |tx: &mut TenantTx| offer_store::setting(tx, visit).await;
    let Setting { zone, held } = ctx.read(look).await?;
    let inquiry = Inquiry {
        about: Subject::Visit(visit, held),
        windows: windows(request, zone, now)?,
        most: most(request)?,
        preferred: request.preferred_engineer_id.map(UserId),
    };
    let found = offers(ctx, roads, inquiry, now).await?;
    view(ctx, found, zone.name().to_owned()).await
}

/// Windows to offer for work that has no ticket yet.
pub async fn for_request(
    ctx: &TenantCtx,
    roads: &Roads,
    request: NewOffersRequest,
    now: DateTime<Utc>,
) -> ApiResult<OffersView> {
    let asked = request.asked();
    let work = ctx.read(async move |tx: &mut TenantTx| work(tx, &request, now).await).await?;
    let zone = time_zone(&work.time_zone).map_err(invalid("time_zone"))?;
    let inquiry = Inquiry {
        about: Subject::Request(Box::new(work)),
        windows: windows(&asked, zone, now)?,
        most: most(&asked)?,
        preferred: asked.preferred_engineer_id.map(UserId),
    };
    let found = offers(ctx, roads, inquiry, now).await?;
    view(ctx, found, zone.name().to_owned()).await
}

/// Takes an offer. If it cannot be kept any more, says so with fresh ones.
pub async fn accept(
    ctx: &TenantCtx,
    ledger: &Arc<Ledger>,
    roads: &Roads,
    visit: VisitId,
    request: AcceptOfferRequest,
    now: DateTime<Utc>,
) -> ApiResult<AcceptedOfferView> {
    let look = async move |tx: &mut TenantTx| offer_store::setting(tx, visit).await;
    ctx.read(look).await?;
    let chosen = Promise {
        visit,
        window: window(&request.window, "window", now)?,
        engineer: request.engineer_id.map(UserId),
        must_assign: request.assign,
    };
    let mode = if chosen.engineer.is_some() { Mode::Manual } else { Mode::Suggested };
    let decision = Decision { by: By::caller(ctx), mode, run: None, at: now };
    let keep = |roads: Roads| {
        let ledger = Arc::clone(ledger);
        ctx.transact(async move |tx: &mut TenantTx| {
            let held = store::holder(tx, visit).await?;
            let terms = Terms::load(tx).await?.by(&roads);
            let made = Box::pin(promise(tx, &ledger, chosen, held, decision, &terms)).await?;
            match made {
                Some(made) => explain::explain(tx, made.grant).await.map(Some),
                None => Ok(None),
            }
        })
    };
    let kept = informed(roads, |roads: Roads| {
        persist({
            let keep = &keep;
            move || keep(roads.clone())
        })
    });
    match kept.await {
        Ok(assignment) => Ok(AcceptedOfferView { visit_id: visit.0, window: chosen.window.into(), assignment }),
        Err(error) if is_gone(&error) => {
            let fresh = for_visit(ctx, roads, visit, &request.otherwise.unwrap_or_default(), now).await?;
            Err(gone(error, &fresh))
        }
        Err(error) => Err(error.into()),
    }
}

/// What would have been possible when it was offered.
fn is_gone(error: &PlanningError) -> bool {
    matches!(
        error,
        PlanningError::NobodyCan(_)
            | PlanningError::HardRule(_)
            | PlanningError::AlreadyAssigned { .. }
            | PlanningError::AssignmentEnded
    ) || error.is_double_booked()
}

fn gone(error: PlanningError, fresh: &OffersView) -> Problem {
    let (reason, refused) = match &error {
        PlanningError::NobodyCan(considered) => (considered.main_refusal(), considered.refused_by_rule.clone()),
        PlanningError::HardRule(reason) => (Some(reason.rule()), BTreeMap::new()),
        _ => (Some("double_booking"), BTreeMap::new()),
    };
    Problem::new(axum::http::StatusCode::CONFLICT, "offer-gone", "This window cannot be kept any more")
        .with("reason", reason)
        .with("refused_by_rule", serde_json::json!(refused))
        .with("fresh", serde_json::json!(fresh))
}

/// What a request comes to, with what follows from its type and its site.
async fn work(tx: &mut TenantTx, request: &NewOffersRequest, now: DateTime<Utc>) -> ApiResult<Request> {
    let of_type = match &request.ticket_type {
        Some(code) => {
            let found = ticket_type(tx, code).await?;
            Some(found.ok_or_else(|| Problem::invalid("ticket_type", "there is no such ticket type"))?)
        }
        None => None,
    };
    let (position, site_zone) = place(tx, request).await?;
    let duration = request.duration_min.map(WorkDuration::from_minutes).transpose().map_err(invalid("duration_min"))?;
    let duration = duration.or(of_type.as_ref().map(|of_type| of_type.duration));
    let priority = request.priority.map(Priority::new).transpose().map_err(invalid("priority"))?;
    let usual = Priority::new(3).map_err(Problem::internal)?;
    let skill = |(skill, level): (&String, &i64)| Ok((Code::new(skill)?, SkillLevel::new(*level)?));
    let skills = request.skills.as_ref().map(|skills| skills.iter().map(skill).collect::<Result<_, Unacceptable>>());
    let skills = skills.transpose().map_err(invalid("skills"))?;
    Ok(Request {
        position,
        time_zone: request.time_zone.clone().unwrap_or(site_zone),
        duration: duration.ok_or_else(|| Problem::invalid("duration_min", "name it, or a ticket type"))?,
        priority: priority.or(of_type.as_ref().map(|of_type| of_type.priority)).unwrap_or(usual),
        skills: skills.or(of_type.as_ref().map(|of_type| of_type.skills.clone())).unwrap_or_default(),
        respond_by: of_type.as_ref().and_then(|of_type| of_type.respond_by(now)),
        resolve_by: of_type.as_ref().and_then(|of_type| of_type.resolve_by(now)),
    })
}

async fn place(tx: &mut TenantTx, request: &NewOffersRequest) -> ApiResult<(Position, String)> {
    match (request.site_id, request.position) {
        (Some(site), None) => {
            let found = offer_store::site(tx, SiteId(site)).await?;
            let (position, zone) = found.ok_or_else(|| Problem::invalid("site_id", "there is no such site"))?;
            Ok((position.ok_or_else(|| Problem::invalid("site_id", "the site has no position yet"))?, zone))
        }
        (None, Some(position)) => Ok((Position::try_from(position).map_err(invalid("position"))?, "UTC".to_owned())),
        (Some(_), Some(_)) => Err(Problem::invalid("position", "name either a site or a position")),
        (None, None) => Err(Problem::invalid("site_id", "name a site or a position")),
    }
}

async fn view(ctx: &TenantCtx, found: Offers, zone: String) -> ApiResult<OffersView> {
    let candidates = found.offers.iter().map(|offer| offer.candidate.clone()).collect();
    let named = Considered { candidates, ..Considered::default() };
    let names = ctx.read(async move |tx: &mut TenantTx| store::names(tx, &named).await).await?;
    Ok(OffersView::new(found, zone, &names))
}
