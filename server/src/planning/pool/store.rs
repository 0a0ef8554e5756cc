//! The rows of the pool.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use crate::planning::PlanningError;
use crate::planning::settings::Settings;
use crate::tenancy::TenantTx;

/// Whoever reads what is on offer and writes the offers waits here for whoever does so already.
pub async fn take_turn(tx: &mut TenantTx) -> Result<(), PlanningError> {
    let turn = format!("pool {}", tx.tenant());
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", turn).fetch_one(&mut **tx).await?;
    Ok(())
}

/// How a visit stands as far as the pool is concerned.
#[derive(Debug, Clone)]
pub struct Standing {
    pub ticket: TicketId,
    pub status: String,
    pub is_offered: bool,
    pub holder: Option<(Uuid, Uuid)>,
}

impl Standing {
    /// Nobody has it, and it is to be done.
    pub fn is_open(&self) -> bool {
        self.status == "created"
    }

    /// Who has it, or had it when it was done. Whoever has declined it has not, and nobody has what was called off.
    pub fn held_by(&self) -> Option<(GrantId, UserId)> {
        let is_held = !self.is_open() && self.status != "cancelled";
        self.holder.filter(|_| is_held).map(|(grant, user)| (GrantId(grant), UserId(user)))
    }
}

/// How a visit stands; none if there is no such visit.
pub async fn standing(tx: &mut TenantTx, visit: VisitId) -> Result<Option<Standing>, PlanningError> {
    let row = sqlx::query!(
        r#"select v.ticket_id, v.status,
            coalesce(p.is_offered, coalesce(y.dispatch_mode, d.mode, $2) = 'pool') as "is_offered!",
            a.grant_id as "grant_id?", a.user_id as "user_id?"
        from visit v
        join ticket t on t.ticket_id = v.ticket_id
        left join ticket_type y on y.code = t.ticket_type
        left join dispatch_settings d on true
        left join pool_placement p on p.visit_id = v.visit_id
        left join assignment a on a.visit_id = v.visit_id and a.ended_at is null
        where v.visit_id = $1
        order by a.granted_at desc
        limit 1"#,
        visit.0,
        Settings::default().mode.as_str(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Standing {
        ticket: TicketId(row.ticket_id),
        status: row.status,
        is_offered: row.is_offered,
        holder: row.grant_id.zip(row.user_id),
    }))
}

/// Says by hand whether a visit is on offer; false if that is what was said before.
pub async fn place(
    tx: &mut TenantTx,
    visit: VisitId,
    is_offered: bool,
    by: UserId,
    at: DateTime<Utc>,
) -> Result<bool, PlanningError> {
    let placed = sqlx::query!(
        "insert into pool_placement (tenant_id, visit_id, is_offered, placed_by, placed_at)
        values ($1, $2, $3, $4, $5)
        on conflict on constraint pool_placement_pkey do update
        set is_offered = $3, placed_by = $4, placed_at = $5
        where pool_placement.is_offered <> $3",
        tx.tenant().0,
        visit.0,
        is_offered,
        by.0,
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(placed.rows_affected() > 0)
}

/// A visit on offer, with what its card says.
#[derive(Debug, Clone)]
pub struct OnOffer {
    pub ticket_id: Uuid,
    pub visit_id: Uuid,
    pub number: String,
    pub ticket_type: String,
    pub priority: i32,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub duration_ms: i64,
    pub respond_by: Option<DateTime<Utc>>,
    pub resolve_by: Option<DateTime<Utc>>,
    pub skills: Vec<String>,
    pub levels: Vec<i32>,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub time_zone: String,
}

/// What is on offer of these tickets, or of all: the first such visit of each.
pub async fn on_offer(tx: &mut TenantTx, tickets: Option<&[Uuid]>) -> Result<Vec<OnOffer>, PlanningError> {
    let rows = sqlx::query_as!(
        OnOffer,
        r#"select distinct on (t.ticket_id) t.ticket_id, v.visit_id, t.number, t.ticket_type, t.priority,
            v.starts_at, v.ends_at, t.duration_ms, t.respond_by, t.resolve_by,
            array(select n.skill from ticket_skill n where n.ticket_id = t.ticket_id order by n.skill) as "skills!",
            array(select n.level from ticket_skill n where n.ticket_id = t.ticket_id order by n.skill) as "levels!",
            s.lat, s.lon, s.time_zone
        from visit v
        join ticket t on t.ticket_id = v.ticket_id
        join site s on s.site_id = t.site_id
        left join ticket_type y on y.code = t.ticket_type
        left join dispatch_settings d on true
        left join pool_placement p on p.visit_id = v.visit_id
        where v.status = 'created' and s.lat is not null
            and ($1::uuid[] is null or v.ticket_id = any($1))
            and coalesce(p.is_offered, coalesce(y.dispatch_mode, d.mode, $2) = 'pool')
        order by t.ticket_id, v.starts_at nulls last, v.visit_id"#,
        tickets,
        Settings::default().mode.as_str(),
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Whether any of these tickets is on offer, or should be.
pub async fn is_concerned(tx: &mut TenantTx, tickets: &[Uuid]) -> Result<bool, PlanningError> {
    let has_card = sqlx::query_scalar!(
        r#"select exists (select from pool_card where ticket_id = any($1)) as "has_card!""#,
        tickets
    );
    Ok(has_card.fetch_one(&mut **tx).await? || !on_offer(tx, Some(tickets)).await?.is_empty())
}

/// The tickets that have a card, or a visit that nobody has.
pub async fn open_or_offered(tx: &mut TenantTx) -> Result<Vec<TicketId>, PlanningError> {
    let rows = sqlx::query_scalar!(
        r#"select ticket_id as "ticket_id!" from visit where status = 'created'
        union
        select ticket_id from pool_card"#,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(TicketId).collect())
}

/// The cards of these tickets as they stand.
pub async fn cards(tx: &mut TenantTx, tickets: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<u8>>, PlanningError> {
    let rows = sqlx::query!("select ticket_id, card from pool_card where ticket_id = any($1)", tickets)
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.ticket_id, row.card)).collect())
}

/// Makes these the cards of these tickets: ticket, visit, bytes.
pub async fn put_cards(tx: &mut TenantTx, of: &[Uuid], cards: &[(Uuid, Uuid, Vec<u8>)]) -> Result<(), PlanningError> {
    let tickets: Vec<Uuid> = cards.iter().map(|(ticket, ..)| *ticket).collect();
    let visits: Vec<Uuid> = cards.iter().map(|(_, visit, _)| *visit).collect();
    let bytes: Vec<Vec<u8>> = cards.iter().map(|(.., card)| card.clone()).collect();
    sqlx::query!(
        "with gone as (
            delete from pool_card where ticket_id = any($2) and ticket_id <> all($3)
        )
        insert into pool_card (tenant_id, ticket_id, visit_id, card)
        select $1, ticket_id, visit_id, card
        from unnest($3::uuid[], $4::uuid[], $5::bytea[]) as present (ticket_id, visit_id, card)
        on conflict on constraint pool_card_pkey do update set visit_id = excluded.visit_id, card = excluded.card",
        tx.tenant().0,
        of,
        &tickets,
        &visits,
        &bytes,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes these (engineer, ticket) the offers of some tickets, or of one engineer: whoever's offers change has another
/// revision afterwards. `changed` are tickets with another card than before.
pub async fn put_offers(
    tx: &mut TenantTx,
    wanted: &BTreeSet<(Uuid, Uuid)>,
    changed: &[Uuid],
    of_tickets: Option<&[Uuid]>,
    of_engineer: Option<UserId>,
) -> Result<(), PlanningError> {
    let (engineers, tickets): (Vec<Uuid>, Vec<Uuid>) = wanted.iter().copied().unzip();
    let touched = sqlx::query_scalar!(
        r#"with wanted as (
            select engineer_id, ticket_id from unnest($2::uuid[], $3::uuid[]) as wanted (engineer_id, ticket_id)
        ), news as (
            select w.engineer_id, w.ticket_id, false as is_gone
            from wanted w
            left join pool_offer o on o.engineer_id = w.engineer_id and o.ticket_id = w.ticket_id
            where coalesce(o.is_gone, true) or w.ticket_id = any($4)
            union all
            select o.engineer_id, o.ticket_id, true
            from pool_offer o
            where not o.is_gone
                and ($5::uuid[] is null or o.ticket_id = any($5))
                and ($6::uuid is null or o.engineer_id = $6)
                and not exists (
                    select from wanted w where w.engineer_id = o.engineer_id and w.ticket_id = o.ticket_id
                )
        ), numbered as (
            select engineer_id, ticket_id, is_gone,
                row_number() over (partition by engineer_id order by ticket_id) as n,
                count(*) over (partition by engineer_id) as news
            from news
        ), reader as (
            insert into pool_reader (tenant_id, engineer_id, revision)
            select $1, engineer_id, max(n) from numbered group by engineer_id order by engineer_id
            on conflict on constraint pool_reader_pkey do update set revision = pool_reader.revision + excluded.revision
            returning engineer_id, revision
        )
        insert into pool_offer (tenant_id, engineer_id, ticket_id, revision, is_gone)
        select $1, n.engineer_id, n.ticket_id, r.revision - n.news + n.n, n.is_gone
        from numbered n
        join reader r on r.engineer_id = n.engineer_id
        on conflict on constraint pool_offer_pkey do update
        set revision = excluded.revision, is_gone = excluded.is_gone
        returning engineer_id"#,
        tx.tenant().0,
        &engineers,
        &tickets,
        changed,
        of_tickets,
        of_engineer.map(|engineer| engineer.0),
    )
    .fetch_all(&mut **tx)
    .await?;
    forget_withdrawn(tx, &touched).await
}

/// Of what was withdrawn long ago nobody need hear any more: who has not heard of it yet gets everything anew.
async fn forget_withdrawn(tx: &mut TenantTx, engineers: &[Uuid]) -> Result<(), PlanningError> {
    if engineers.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "with forgotten as (
            delete from pool_offer o
            using pool_reader r
            where o.engineer_id = any($1) and r.engineer_id = o.engineer_id
                and o.is_gone and o.revision <= r.revision - $2
            returning o.engineer_id, o.revision
        ), last as (
            select engineer_id, max(revision) as revision from forgotten group by engineer_id
        )
        update pool_reader r
        set complete_from = greatest(r.complete_from, last.revision)
        from last
        where r.engineer_id = last.engineer_id",
        engineers,
        REMEMBERED,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Changes of an engineer's offers after which withdrawn ones are forgotten.
const REMEMBERED: i64 = 1_000;
