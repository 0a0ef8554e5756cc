//! The SQL of a batch of fixes: one statement to judge it by, one to keep it.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{DeviceId, UserId};
use sync_core::time::{DeviceTime, ServerTime, Skew};

use crate::live::error::LiveError;
use crate::live::judge::{FUTURE_MS, Fix, Known, OUTVOTING, Reason, SHIFT_MARGIN_MS, STALE_MS, Span, Standing};
use crate::tenancy::TenantTx;

/// What the fixes of this device are judged by; none if it is not an admitted device of this user. Until the end of the
/// transaction no other batch of the user passes this point.
pub async fn standing(
    tx: &mut TenantTx,
    user: UserId,
    device: DeviceId,
    received: DateTime<Utc>,
) -> Result<Option<Standing>, LiveError> {
    let earliest = received - TimeDelta::milliseconds(STALE_MS + SHIFT_MARGIN_MS);
    let latest = received + TimeDelta::milliseconds(FUTURE_MS + SHIFT_MARGIN_MS);
    let most_doubted = i64::try_from(OUTVOTING).unwrap_or(i64::MAX) - 1;
    let found = sqlx::query!(
        r#"select
            array(
                select s.starts_at from shift s
                where s.engineer_id = u.user_id and s.ends_at >= $3 and s.starts_at <= $4
                order by s.starts_at
            ) as "shift_starts!",
            array(
                select s.ends_at from shift s
                where s.engineer_id = u.user_id and s.ends_at >= $3 and s.starts_at <= $4
                order by s.starts_at
            ) as "shift_ends!",
            array(
                select t.starts_at from time_off t
                where t.engineer_id = u.user_id and t.ends_at >= $3 and t.starts_at <= $4
                order by t.starts_at, t.time_off_id
            ) as "off_starts!",
            array(
                select t.ends_at from time_off t
                where t.engineer_id = u.user_id and t.ends_at >= $3 and t.starts_at <= $4
                order by t.starts_at, t.time_off_id
            ) as "off_ends!",
            believed.recorded_at as "believed_at?",
            believed.lat as "believed_lat?",
            believed.lon as "believed_lon?",
            believed.accuracy_m as "believed_accuracy_m?",
            doubted.times as "doubted_times?",
            doubted.lats as "doubted_lats?",
            doubted.lons as "doubted_lons?"
        from app_user u
        join device d on d.user_id = u.user_id and d.device_id = $2 and d.revoked_at is null
        left join lateral (
            select p.recorded_at, p.lat, p.lon, p.accuracy_m
            from engineer_position p
            where p.device_id = d.device_id
            order by p.recorded_at desc
            limit 1
        ) believed on true
        left join lateral (
            select array_agg(r.recorded_at order by r.recorded_at) as times,
                array_agg(r.lat order by r.recorded_at) as lats,
                array_agg(r.lon order by r.recorded_at) as lons
            from (
                select p.recorded_at, p.lat, p.lon
                from position_reject p
                where p.device_id = d.device_id
                    and p.reason = 'too_fast'
                    and p.received_at >= $5
                    and p.recorded_at > believed.recorded_at
                order by p.recorded_at desc
                limit $6
            ) r
        ) doubted on true
        where u.user_id = $1
        for no key update of u"#,
        user.0,
        device.0,
        earliest,
        latest,
        received - TimeDelta::hours(24),
        most_doubted,
    )
    .fetch_optional(tx.as_mut())
    .await?;
    Ok(found.map(|row| Standing {
        shifts: spans(row.shift_starts, row.shift_ends),
        time_off: spans(row.off_starts, row.off_ends),
        believed: row.believed_at.zip(row.believed_lat).zip(row.believed_lon).map(|((at, lat), lon)| Known {
            at: ServerTime(at.timestamp_millis()),
            lat,
            lon,
            accuracy_m: row.believed_accuracy_m,
        }),
        doubted: row
            .doubted_times
            .unwrap_or_default()
            .into_iter()
            .zip(row.doubted_lats.unwrap_or_default().into_iter().zip(row.doubted_lons.unwrap_or_default()))
            .map(|(at, (lat, lon))| Known { at: ServerTime(at.timestamp_millis()), lat, lon, accuracy_m: None })
            .collect(),
    }))
}

fn spans(starts: Vec<DateTime<Utc>>, ends: Vec<DateTime<Utc>>) -> Vec<Span> {
    let time = |at: DateTime<Utc>| ServerTime(at.timestamp_millis());
    starts.into_iter().zip(ends).map(|(start, end)| Span { start: time(start), end: time(end) }).collect()
}

/// The fixes of a batch and the verdict on each.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    pub fixes: &'a [Fix],
    pub skew: Skew,
    pub verdicts: &'a [Result<ServerTime, Reason>],
}

/// Keeps a judged batch, in one statement: the accepted fixes, the engineer's latest, the refused. Returns the times of
/// those that were not there before.
pub async fn keep(
    tx: &mut TenantTx,
    user: UserId,
    device: DeviceId,
    judged: Judged<'_>,
    received: DateTime<Utc>,
) -> Result<HashSet<DeviceTime>, LiveError> {
    let mut accepted = AcceptedColumns::default();
    let mut refused = RefusedColumns::default();
    for (fix, verdict) in judged.fixes.iter().zip(judged.verdicts) {
        match verdict {
            Ok(at) => accepted.push(fix, *at),
            Err(reason) => refused.push(fix, judged.skew.correct(fix.device_time), *reason),
        }
    }
    let (accepted, refused) = (accepted, refused);
    let stored = sqlx::query_scalar!(
        r#"with given as (
            select *
            from unnest($5::timestamptz[], $6::timestamptz[], $7::float8[], $8::float8[], $9::float8[], $10::float8[], $11::float8[])
                as g (device_time, recorded_at, lat, lon, accuracy_m, heading_deg, speed_mps)
        ), fresh as (
            select g.*
            from given g
            where not exists (
                select from engineer_position p
                where p.device_id = $3 and p.device_time = g.device_time
            )
        ), moved as (
            insert into latest_position as l
                (tenant_id, user_id, device_id, recorded_at, received_at, lat, lon, accuracy_m, heading_deg, speed_mps)
            select $1, $2, $3, f.recorded_at, $4, f.lat, f.lon, f.accuracy_m, f.heading_deg, f.speed_mps
            from fresh f
            order by f.recorded_at desc
            limit 1
            on conflict on constraint latest_position_pkey do update
            set device_id = excluded.device_id,
                recorded_at = excluded.recorded_at,
                received_at = excluded.received_at,
                lat = excluded.lat,
                lon = excluded.lon,
                accuracy_m = excluded.accuracy_m,
                heading_deg = excluded.heading_deg,
                speed_mps = excluded.speed_mps
            where excluded.recorded_at > l.recorded_at
            returning recorded_at
        ), stored as (
            insert into engineer_position (
                tenant_id, device_id, device_time, user_id, recorded_at, received_at, lat, lon, accuracy_m, heading_deg,
                speed_mps, is_move
            )
            select $1, $3, f.device_time, $2, f.recorded_at, $4, f.lat, f.lon, f.accuracy_m, f.heading_deg, f.speed_mps,
                exists (select from moved m where m.recorded_at = f.recorded_at)
            from fresh f
            returning device_time
        ), rejected as (
            insert into position_reject (
                tenant_id, device_id, user_id, reason, fixes, device_time, recorded_at, lat, lon, received_at
            )
            select $1, $3, $2, r.reason, r.fixes, r.device_time, r.recorded_at, r.lat, r.lon, $4
            from unnest($12::text[], $13::integer[], $14::timestamptz[], $15::timestamptz[], $16::float8[], $17::float8[])
                as r (reason, fixes, device_time, recorded_at, lat, lon)
            union all
            select $1, $3, $2, 'duplicate', count(*)::integer, null, null, null, null, $4
            from given g
            where g.device_time not in (select f.device_time from fresh f)
            having count(*) > 0
        ), told as (
            select count(pg_notify('position', $1::uuid::text)) from moved
        )
        select array(select s.device_time from stored s) as "stored!"
        from told"#,
        tx.tenant().0,
        user.0,
        device.0,
        received,
        &accepted.device_time,
        &accepted.recorded_at,
        &accepted.lat,
        &accepted.lon,
        &accepted.accuracy_m as _,
        &accepted.heading_deg as _,
        &accepted.speed_mps as _,
        &refused.reason,
        &refused.fixes,
        &refused.device_time as _,
        &refused.recorded_at as _,
        &refused.lat as _,
        &refused.lon as _,
    )
    .fetch_one(tx.as_mut())
    .await?;
    Ok(stored.into_iter().map(|at| DeviceTime(at.timestamp_millis())).collect())
}

#[derive(Default)]
struct AcceptedColumns {
    device_time: Vec<DateTime<Utc>>,
    recorded_at: Vec<DateTime<Utc>>,
    lat: Vec<f64>,
    lon: Vec<f64>,
    accuracy_m: Vec<Option<f64>>,
    heading_deg: Vec<Option<f64>>,
    speed_mps: Vec<Option<f64>>,
}

impl AcceptedColumns {
    fn push(&mut self, fix: &Fix, at: ServerTime) {
        self.device_time.push(instant(fix.device_time.0));
        self.recorded_at.push(instant(at.0));
        self.lat.push(fix.lat);
        self.lon.push(fix.lon);
        self.accuracy_m.push(fix.accuracy_m);
        self.heading_deg.push(fix.heading_deg);
        self.speed_mps.push(fix.speed_mps);
    }
}

#[derive(Default)]
struct RefusedColumns {
    reason: Vec<String>,
    fixes: Vec<i32>,
    device_time: Vec<Option<DateTime<Utc>>>,
    recorded_at: Vec<Option<DateTime<Utc>>>,
    lat: Vec<Option<f64>>,
    lon: Vec<Option<f64>>,
}

impl RefusedColumns {
    /// A fix whose place may be kept has a row of its own; the others are only counted.
    fn push(&mut self, fix: &Fix, at: ServerTime, reason: Reason) {
        let counted =
            self.reason.iter().position(|known| known == reason.as_str()).filter(|_| !reason.may_keep_place());
        if let Some(count) = counted.and_then(|row| self.fixes.get_mut(row)) {
            *count += 1;
            return;
        }
        let place = reason.may_keep_place().then_some(fix);
        self.reason.push(reason.as_str().to_owned());
        self.fixes.push(1);
        self.device_time.push(place.map(|fix| instant(fix.device_time.0)));
        self.recorded_at.push(place.map(|_| instant(at.0)));
        self.lat.push(place.map(|fix| fix.lat));
        self.lon.push(place.map(|fix| fix.lon));
    }
}

fn instant(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}
