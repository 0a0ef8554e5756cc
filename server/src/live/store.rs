//! The SQL of positions and of the stream.

mod batch;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sync_core::ids::{TicketId, UserId};
use uuid::Uuid;

use super::error::LiveError;
use super::view::PositionView;
use crate::ledger::feed;
use crate::tenancy::{Role, SessionId, TenantTx};
pub use batch::{Judged, keep, standing};

/// The latest position of each engineer, or of this one alone, in the order of their ids.
pub async fn latest(
    tx: &mut TenantTx,
    only: Option<UserId>,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<PositionView>, LiveError> {
    let positions = sqlx::query_as!(
        PositionView,
        "select user_id as engineer_id, lat, lon, accuracy_m, heading_deg, speed_mps, recorded_at, received_at
        from latest_position
        where ($1::uuid is null or user_id = $1)
            and ($2::uuid is null or user_id > $2)
        order by user_id
        limit $3",
        only.map(|user| user.0),
        after,
        rows,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(positions)
}

/// A row of the stream: an engineer's move or an event of the outbox.
#[derive(Debug)]
pub struct StreamRow {
    pub position: feed::Position,
    pub user: Option<UserId>,
    pub at: DateTime<Utc>,
    pub what: What,
}

/// What a row of the stream tells.
#[derive(Debug)]
pub enum What {
    Moved(PositionView),
    Happened { kind: String, ticket: Option<TicketId>, payload: Value },
}

/// The rows of the stream after a position, at most `most`, oldest first; of one user alone if given.
pub async fn rows_after(
    tx: &mut TenantTx,
    after: feed::Position,
    only: Option<UserId>,
    most: i64,
) -> Result<Vec<StreamRow>, LiveError> {
    let rows = sqlx::query!(
        r#"select e.xid as "xid!", e.serial as "serial!", e.kind, e.ticket_id, e.user_id, e.payload, e.at as "at!",
            e.lat, e.lon, e.accuracy_m, e.heading_deg, e.speed_mps, e.recorded_at
        from (
            (
                select o.xid, o.serial, o.kind, o.ticket_id, o.user_id, o.payload, o.created_at as at, null::float8 as lat,
                    null::float8 as lon, null::float8 as accuracy_m, null::float8 as heading_deg, null::float8 as speed_mps,
                    null::timestamptz as recorded_at
                from outbox o
                where (o.xid, o.serial) > ($1, $2)
                    and o.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                    and ($3::uuid is null or o.user_id = $3)
                order by o.xid, o.serial
                limit $4
            )
            union all
            (
                select p.xid, p.serial, null, null, p.user_id, null, p.received_at, p.lat, p.lon, p.accuracy_m,
                    p.heading_deg, p.speed_mps, p.recorded_at
                from engineer_position p
                where p.is_move
                    and (p.xid, p.serial) > ($1, $2)
                    and p.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                    and ($3::uuid is null or p.user_id = $3)
                order by p.xid, p.serial
                limit $4
            )
        ) e
        order by e.xid, e.serial
        limit $4"#,
        after.xid,
        after.serial,
        only.map(|user| user.0),
        most,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let user = row.user_id.map(UserId);
            let what = match row.kind {
                Some(kind) => What::Happened {
                    kind,
                    ticket: row.ticket_id.map(TicketId),
                    payload: row.payload.unwrap_or_default(),
                },
                None => What::Moved(PositionView {
                    engineer_id: row.user_id?,
                    lat: row.lat?,
                    lon: row.lon?,
                    accuracy_m: row.accuracy_m,
                    heading_deg: row.heading_deg,
                    speed_mps: row.speed_mps,
                    recorded_at: row.recorded_at?,
                    received_at: row.at,
                }),
            };
            let position = feed::Position { xid: row.xid, serial: row.serial };
            Some(StreamRow { position, user, at: row.at, what })
        })
        .collect())
}

/// Whether there are rows that are committed and cannot be read yet, because an older transaction still runs.
pub async fn is_held_up(tx: &mut TenantTx) -> Result<bool, LiveError> {
    let is_held_up = sqlx::query_scalar!(
        r#"select
            exists (
                select from outbox o
                where o.xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            )
            or exists (
                select from engineer_position p
                where p.is_move
                    and p.xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            ) as "is_held_up!""#,
    )
    .fetch_one(tx.as_mut())
    .await?;
    Ok(is_held_up)
}

/// Those of these sessions that still stand, with the role of their user.
pub async fn standing_sessions(tx: &mut TenantTx, sessions: &[Uuid]) -> Result<Vec<(SessionId, Role)>, LiveError> {
    let rows = sqlx::query!(
        "select s.session_id, u.role
        from session s
        join app_user u on u.user_id = s.user_id and u.disabled_at is null
        where s.session_id = any($1)
            and s.ended_at is null
            and not exists (
                select from device d
                where d.device_id = s.device_id and d.revoked_at is not null
            )",
        sessions,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows.into_iter().filter_map(|row| Some((SessionId(row.session_id), row.role.parse().ok()?))).collect())
}
