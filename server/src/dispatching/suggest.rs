//! Who could take a visit, best first, and why the others cannot.

use chrono::{DateTime, Utc};
use sync_core::ids::{UserId, VisitId};

use super::store;
use super::view::CandidatesView;
use crate::planning::rank::{Question, rank};
use crate::planning::travel::Roads;
use crate::planning::{PlanningError, Terms};
use crate::tenancy::TenantTx;

/// Ranks the engineers for a visit. If somebody has it, his time counts as free; `also` is looked at however far away
/// he is.
pub async fn suggest(
    tx: &mut TenantTx,
    visit: VisitId,
    also: Option<UserId>,
    roads: &Roads,
    now: DateTime<Utc>,
) -> Result<CandidatesView, PlanningError> {
    let terms = Terms::load(tx).await?.by(roads);
    let instead_of = store::holder(tx, visit).await?;
    let ranked = rank(tx, Question { also, instead_of, ..Question::about(visit) }, &terms, now).await?;
    let mut considered = ranked.considered.clone();
    if let Some(index) = also.and_then(|engineer| ranked.board.index_of(engineer))
        && let Ok(candidate) = ranked.assess(&ranked.wanted(), index, &terms)
    {
        considered.include(&candidate);
    }
    let names = store::names(tx, &considered).await?;
    Ok(CandidatesView::new((ranked.visit, ranked.ticket), considered, &names))
}
