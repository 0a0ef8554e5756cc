//! Phones report where they are; only what is plausible and within a shift is kept.

use callout_server::tenancy::TenantTx;
use callout_tests::{Actor, Answer, TestApp, TestTenant};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::Row as _;

#[tokio::test]
async fn the_newest_good_fix_is_where_the_engineer_is() {
    let app = TestApp::start().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let now = app.state().clock.now();
    let report = send(&ana, now, &[fix(now, 60, 40.70), fix(now, 5, 40.71), fix(now, 30, 40.705)]).await;
    assert_eq!(report.expect(200).json(), json!({ "accepted": 3, "rejected": [] }));

    let map = app.dispatcher("dan").await.get("/positions").await.expect(200).json();
    assert_eq!(map["items"].as_array().expect("a list").len(), 1);
    assert_eq!(map["items"][0]["engineer_id"], json!(ana.user.0));
    assert_eq!(map["items"][0]["lat"], 40.71);

    // What comes later and is older fills the past in and moves nobody.
    send(&ana, now, &[fix(now, 120, 40.69)]).await.expect(200);
    let map = ana.get("/positions").await.expect(200).json();
    assert_eq!(map["items"][0]["lat"], 40.71);
    assert_eq!(count(&app, "select count(*) from engineer_position").await, 4);
}

#[tokio::test]
async fn nothing_outside_a_shift_is_kept_whenever_it_arrives() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    ana.enrol_device(1).await;
    let now = app.state().clock.now();
    shift(app.tenant(), &ana, now - TimeDelta::days(2), now - TimeDelta::days(2) + TimeDelta::hours(8)).await;
    let worked = now - TimeDelta::days(2) + TimeDelta::hours(1);
    let fixes = [at(now, 40.7, -74.0), at(now - TimeDelta::days(1), 40.7, -74.0), at(worked, 40.7, -74.0)];
    let answer = send(&ana, now, &fixes).await.expect(200).json();
    assert_eq!(reasons(&answer), ["off_shift", "off_shift"]);
    // The same from a phone whose clock is a year ahead.
    let year = TimeDelta::days(365);
    let ahead = [at(now + year, 40.7, -74.0), at(worked + year + TimeDelta::minutes(1), 40.7, -74.0)];
    assert_eq!(reasons(&send(&ana, now + year, &ahead).await.expect(200).json()), ["off_shift"]);
    assert_eq!(
        count(&app, "select count(*) from engineer_position where recorded_at > received_at - interval '30 hours'")
            .await,
        0
    );
    let counted = "select sum(fixes) from position_reject where lat is null and device_time is null";
    assert_eq!(count(&app, counted).await, 3);
}

#[tokio::test]
async fn absurd_requests_are_problems() {
    let app = TestApp::start().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let now = app.state().clock.now();
    let many: Vec<Value> = (0..501).map(|n| fix(now, n, 40.7)).collect();
    assert_eq!(send(&ana, now, &many).await.problem(422), "invalid-field");
    let sent_at = json!({ "sent_at": "+200000-01-01T00:00:00Z", "fixes": [] });
    assert_eq!(ana.post("/positions", &sent_at).await.problem(422), "invalid-field");
    assert_eq!(ana.post("/positions", &json!({ "fixes": [] })).await.problem(422), "invalid-body");
    let misspelt = json!({ "sent_at": now, "fixes": [{ "device_time": now, "lat": 1.0, "lng": 1.0 }] });
    assert_eq!(ana.post("/positions", &misspelt).await.problem(422), "invalid-body");
    assert_eq!(send(&ana, now, &[]).await.expect(200).json()["accepted"], 0);
    let far = [at(now + TimeDelta::days(300_000), 40.7, -74.0), at(now - TimeDelta::days(700_000), 40.7, -74.0)];
    assert_eq!(reasons(&send(&ana, now, &far).await.expect(200).json()), ["future", "stale"]);
}

#[tokio::test]
async fn only_an_engineer_with_an_enrolled_device_reports() {
    let app = TestApp::start().await;
    let now = app.state().clock.now();
    let fixes = [fix(now, 0, 40.7)];
    let ana = app.engineer("ana").await;
    assert_eq!(send(&ana, now, &fixes).await.problem(403), "device-not-enrolled");
    assert_eq!(send(&app.dispatcher("dan").await, now, &fixes).await.problem(403), "forbidden");
    let device = ana.enrol_device(1).await;
    shift(app.tenant(), &ana, now - TimeDelta::hours(1), now + TimeDelta::hours(1)).await;
    send(&ana, now, &fixes).await.expect(200);
    let path = format!("/devices/{}/revoke", device.id);
    app.admin().await.post(&path, &json!({})).await.expect(200);
    assert_eq!(send(&ana, now, &fixes).await.status, 401);
}

#[tokio::test]
async fn the_map_is_for_those_who_dispatch_and_each_tenants_own() {
    use callout_server::tenancy::Role;
    let app = TestApp::start().await;
    let (ana, ben) = (engineer_on_shift(&app, "ana").await, engineer_on_shift(&app, "ben").await);
    let now = app.state().clock.now();
    for (who, lat) in [(&ana, 40.7), (&ben, 40.8)] {
        send(who, now, &[fix(now, 0, lat)]).await.expect(200);
    }
    let seen = async |who: Actor| who.get("/positions").await.expect(200).json()["items"].as_array().map(Vec::len);
    assert_eq!(seen(app.dispatcher("dan").await).await, Some(2));
    assert_eq!(seen(app.tenant().person("olga", Role::Auditor).await).await, Some(2));
    assert_eq!(seen(ana.clone()).await, Some(1));
    assert_eq!(seen(app.another_tenant("other").await.admin().await).await, Some(0));
    for role in [Role::Warehouse, Role::Customer] {
        let who = app.tenant().person(role.as_str(), role).await;
        assert_eq!(who.get("/positions").await.problem(403), "forbidden");
    }
    // Page by page.
    let dan = app.dispatcher("dana").await;
    let first = dan.get("/positions?limit=1").await.expect(200).json();
    let next = format!("/positions?limit=1&cursor={}", first["next_cursor"].as_str().expect("a cursor"));
    let second = dan.get(&next).await.expect(200).json();
    assert_ne!(first["items"][0]["engineer_id"], second["items"][0]["engineer_id"]);
    assert_eq!(second["next_cursor"], Value::Null);
}

#[tokio::test]
async fn what_has_been_kept_long_enough_is_dropped() {
    let app = TestApp::start().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let now = app.state().clock.now();
    send(&ana, now, &[fix(now, 0, 40.7), at(now - TimeDelta::seconds(5), 0.0, 0.0)]).await.expect(200);
    let forget =
        async |after: TimeDelta| app.state().tenancy.forget_positions(now + after, 100).await.expect("forgotten");
    let left = async || {
        let tables = ["engineer_position", "latest_position", "position_reject"];
        let counts = tables.map(|table| count(&app, format!("select count(*) from {table}")));
        futures_util::future::join_all(counts).await
    };
    assert_eq!(forget(TimeDelta::hours(23)).await, 0);
    assert_eq!(forget(TimeDelta::hours(25)).await, 1);
    assert_eq!(left().await, [1, 1, 0]);
    assert_eq!(forget(TimeDelta::days(61)).await, 1);
    assert_eq!(left().await, [0, 0, 0]);
}

/// An engineer with an enrolled device, in the middle of a shift.
pub async fn engineer_on_shift(app: &TestApp, name: &str) -> Actor {
    let engineer = app.engineer(name).await;
    let secret = name.bytes().fold(1_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)).max(1);
    engineer.enrol_device(secret).await;
    let now = app.state().clock.now();
    shift(app.tenant(), &engineer, now - TimeDelta::hours(4), now + TimeDelta::hours(4)).await;
    engineer
}

async fn shift(tenant: &TestTenant, engineer: &Actor, start: DateTime<Utc>, end: DateTime<Utc>) {
    let user = engineer.user.0;
    let insert = async move |tx: &mut TenantTx| {
        let tenant = tx.tenant().0;
        sqlx::query(
            "insert into engineer (tenant_id, engineer_id, display_name, created_at) values ($1, $2, 'Engineer', $3)
             on conflict do nothing",
        )
        .bind(tenant)
        .bind(user)
        .bind(start)
        .execute(&mut **tx)
        .await?;
        sqlx::query("insert into shift (tenant_id, shift_id, engineer_id, starts_at, ends_at) values ($1, gen_random_uuid(), $2, $3, $4)")
            .bind(tenant)
            .bind(user)
            .bind(start)
            .bind(end)
            .execute(&mut **tx)
            .await
    };
    tenant.system().transact(insert).await.expect("a shift");
}

/// A fix this many seconds before now, on one meridian.
pub fn fix(now: DateTime<Utc>, seconds_ago: i64, lat: f64) -> Value {
    json!({ "device_time": now - TimeDelta::seconds(seconds_ago), "lat": lat, "lon": -74.0, "accuracy_m": 8.0, "heading_deg": 12.5, "speed_mps": 9.0 })
}

pub fn at(time: DateTime<Utc>, lat: f64, lon: f64) -> Value {
    json!({ "device_time": time, "lat": lat, "lon": lon })
}

/// Sends a batch by a phone whose clock shows `now`.
pub async fn send(who: &Actor, now: DateTime<Utc>, fixes: &[Value]) -> Answer {
    who.post("/positions", &json!({ "sent_at": now, "fixes": fixes })).await
}

pub fn reasons(answer: &Value) -> Vec<&str> {
    let rejected = answer["rejected"].as_array().expect("a list");
    rejected.iter().map(|one| one["reason"].as_str().expect("a reason")).collect()
}

pub async fn count(app: &TestApp, query: impl Into<String>) -> i64 {
    let mut superuser = app.database().superuser().await;
    let row = sqlx::query(sqlx::AssertSqlSafe(query.into())).fetch_one(&mut superuser).await.expect("a count");
    row.get(0)
}
