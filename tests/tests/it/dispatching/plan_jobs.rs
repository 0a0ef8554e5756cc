//! Plans are worked out in the background: by any process, in turn, to their end or until they are called off.

use std::time::Duration;

use callout_tests::{Actor, Answer, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::area::{Area, list, no_skills};
use crate::faults::f01_killed::ServerChild;

/// So many rounds take a process half a minute or more.
const LONG: u32 = 2_000_000;

/// Waits until something is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("not within a minute: {what}"));
}

/// Orders a plan and does not wait for it.
async fn order(area: &Area, desk: &Actor, request: Value) -> (Uuid, JoinHandle<Answer>) {
    let known = plans(area).await;
    let desk = desk.clone();
    let answer = tokio::spawn(async move { desk.post("/plans", &request).await });
    until("the order is noted", async || plans(area).await.len() > known.len()).await;
    let ordered = plans(area).await.into_iter().find(|plan| !known.contains(plan)).expect("the new one");
    (ordered, answer)
}

async fn plans(area: &Area) -> Vec<Uuid> {
    let mut database = area.app.database().superuser().await;
    sqlx::query_scalar("select plan_run_id from plan_run").fetch_all(&mut database).await.expect("the plans")
}

async fn view(area: &Area, plan: Uuid) -> Value {
    area.dora.get(&format!("/plans/{plan}")).await.expect(200).json()
}

async fn is_in(area: &Area, plan: Uuid, state: &str) -> bool {
    view(area, plan).await["state"] == state
}

async fn cancel(desk: &Actor, plan: Uuid) -> Answer {
    desk.post(&format!("/plans/{plan}/cancel"), &json!({})).await
}

/// What nothing but the death of a process brings about, without waiting for it: its leases have run out.
async fn leases_run_out(area: &Area, plan: Uuid) {
    let mut database = area.app.database().superuser().await;
    sqlx::query("update plan_run set held_until = clock_timestamp() - interval '1 second' where plan_run_id = $1")
        .bind(plan)
        .execute(&mut database)
        .await
        .expect("a lease");
    sqlx::query("select pg_notify('plan', '')").execute(&mut database).await.expect("a wake-up");
}

async fn area_with(engineers: u32, visits: u32) -> (Area, Vec<super::area::Wanted>) {
    let area = Area::of(TestApp::start_with(with_key).await).await;
    for n in 0..engineers {
        area.engineer(&format!("e{n}"), (f64::from(n), 0.0), no_skills()).await;
    }
    let mut wanted = Vec::new();
    for n in 0..visits {
        wanted.push(area.visit((0.3 * f64::from(n), 1.0)).await);
    }
    (area, wanted)
}

/// The key that another process signs with too.
fn with_key(config: &mut callout_server::platform::config::Config) {
    let key = config.data_dir.join("shared.key");
    std::fs::write(&key, [7; 32]).expect("a key");
    config.signing_key_file = Some(key);
}

#[tokio::test]
async fn a_plan_that_is_called_off_assigns_nothing_and_makes_room_at_once() {
    let (area, _) = area_with(2, 8).await;
    let (plan, answer) = order(&area, &area.dora, json!({ "to": area.at(24.0), "rounds": LONG })).await;
    until("it runs", async || is_in(&area, plan, "running").await).await;
    let mut stream = area.dora.follow(&format!("/plans/{plan}/progress")).await.expect("a stream");
    let first = stream.expect().await;
    assert_eq!((first.name.as_str(), &first.data["state"]), ("progress", &json!("running")));

    let cancelled = cancel(&area.dora, plan).await.expect(200).json();
    assert_eq!((&cancelled["state"], &cancelled["assigned"]), (&json!("cancelled"), &json!(0)));
    assert!(!cancelled["finished_at"].is_null());
    assert_eq!(cancel(&area.dora, plan).await.expect(200).json(), cancelled, "once more changes nothing");
    assert_eq!(answer.await.expect("an answer").expect(201).json()["state"], "cancelled");
    let end = loop {
        let event = stream.expect().await;
        if event.name == "end" {
            break event.data;
        }
    };
    assert_eq!(end, json!({ "reason": "done", "plan_id": plan, "state": "cancelled" }));
    assert_eq!(stream.next().await, None);
    assert_eq!(area.bookings().await, 0);

    // The search has ended, or this would have to wait for it.
    let next = area.plan(json!({ "to": area.at(24.0), "rounds": 50 })).await;
    assert_eq!((&next["state"], &next["assigned"]), (&json!("applied"), &json!(8)));
    assert_eq!(
        cancel(&area.dora, next["plan_id"].as_str().unwrap().parse().unwrap()).await.problem(409),
        "plan-stands"
    );
    assert_eq!(view(&area, plan).await, cancelled);
}

#[tokio::test]
async fn whoever_follows_a_plan_sees_it_through_whichever_server_works_it_out() {
    let (area, _) = area_with(2, 8).await;
    let other = area.app.another_process().await;
    let (plan, answer) = order(&area, &area.dora, json!({ "to": area.at(24.0), "rounds": 100_000 })).await;
    let path = format!("/plans/{plan}/progress");
    for here in [area.dora.clone(), area.dora.at(&other)] {
        let mut stream = here.follow(&path).await.expect("a stream");
        let (mut done, mut last) = (0.0, Value::Null);
        let end = loop {
            let event = stream.expect().await;
            if event.name == "end" {
                break event.data;
            }
            let share = event.data["progress"].as_f64().expect("a share");
            assert!((done..=1.0).contains(&share), "{share} after {done}");
            (done, last) = (share, event.data);
        };
        assert_eq!(end, json!({ "reason": "done", "plan_id": plan, "state": "applied" }));
        assert_eq!(last, json!({ "plan_id": plan, "state": "applied", "progress": 1.0, "assigned": 8 }));
        assert_eq!(stream.next().await, None);
    }
    assert_eq!(answer.await.expect("an answer").expect(201).json()["assigned"], 8);
    let nowhere = format!("/plans/{}/progress", Uuid::from_u128(1));
    assert_eq!(area.dora.follow(&nowhere).await.err().expect("no such plan").problem(404), "not-found");
    let stranger = area.app.another_tenant("globex").await.dispatcher("sam").await;
    assert_eq!(stranger.follow(&path).await.err().expect("not his").problem(404), "not-found");
    assert_eq!(cancel(&stranger, plan).await.problem(404), "not-found");
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_was_at_another_takes_up() {
    let (area, wanted) = area_with(4, 24).await;
    let directory = tempfile::tempdir().expect("a directory");
    let key = area.app.state_directory().join("shared.key");
    let begin = async || ServerChild::start(&area.app.database().app_url(), &key, directory.path()).await;
    let days = json!({ "from": area.at(0.0), "to": area.at(24.0), "seed": 3, "rounds": 100 });
    let with = |more: Value| {
        let mut order = days.clone();
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    let slots = async |plan: Uuid| {
        let page = area.dora.get(&format!("/plans/{plan}/visits")).await.expect(200).json();
        let slot = |one: &Value| (one["visit_id"].clone(), one["engineer_id"].clone(), one["starts_at"].clone());
        list(&page["items"]).iter().map(slot).collect::<Vec<_>>()
    };
    let model = area.plan(with(json!({ "draft": true }))).await;
    let model = slots(model["plan_id"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(model.len(), 24);

    // As long as this process searches for the tenant, the next search is the other's.
    let (busy, answer) = order(&area, &area.dora, with(json!({ "draft": true, "rounds": LONG }))).await;
    until("it runs", async || is_in(&area, busy, "running").await).await;
    let child = begin().await;
    let (plan, planned) = order(&area, &area.dora, with(json!({ "draft": true, "rounds": LONG }))).await;
    until("the other process is at it", async || is_in(&area, plan, "running").await).await;
    child.kill().await;
    let mut database = area.app.database().superuser().await;
    sqlx::query("update plan_run set rounds = 100 where plan_run_id = $1")
        .bind(plan)
        .execute(&mut database)
        .await
        .unwrap();
    let child = begin().await;
    leases_run_out(&area, plan).await;
    assert_eq!(planned.await.expect("an answer").expect(201).json()["state"], "drafted");
    assert_eq!(slots(plan).await, model, "the same seed on the same data gives the same plan, whoever works it out");

    // Now one that assigns. It gets no further than the ticket that somebody holds, and then it is killed.
    let mut tickets: Vec<Uuid> = wanted.iter().map(|wanted| wanted.ticket.0).collect();
    tickets.sort();
    sqlx::raw_sql("begin").execute(&mut database).await.unwrap();
    let hold = "select 1 from ticket_document where ticket_id = $1 for update";
    sqlx::query(hold).bind(tickets[23]).execute(&mut database).await.unwrap();
    let (plan, planned) = order(&area, &area.dora, with(json!({}))).await;
    until("most are assigned", async || area.bookings().await == 16).await;
    child.kill().await;
    sqlx::raw_sql("rollback").execute(&mut database).await.unwrap();
    assert!(is_in(&area, plan, "applying").await);
    leases_run_out(&area, plan).await;
    let planned = planned.await.expect("an answer").expect(201).json();
    assert_eq!((&planned["state"], &planned["assigned"]), (&json!("applied"), &json!(24)));
    assert_eq!(slots(plan).await, model);
    let made: i64 = sqlx::query_scalar("select count(*) from assignment").fetch_one(&mut database).await.unwrap();
    assert_eq!((made, area.bookings().await), (24, 24), "nothing is assigned twice");

    cancel(&area.dora, busy).await.expect(200);
    assert_eq!(answer.await.expect("an answer").expect(201).json()["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_assigned_though_the_process_dies_in_the_middle() {
    let (area, wanted) = area_with(4, 24).await;
    let directory = tempfile::tempdir().expect("a directory");
    let key = area.app.state_directory().join("shared.key");
    let mut tickets: Vec<Uuid> = wanted.iter().map(|wanted| wanted.ticket.0).collect();
    tickets.sort();
    let draft = async |from: f64, to: f64, tickets: &[Uuid]| {
        let (from, to) = (area.at(from), area.at(to));
        let days = json!({ "from": from, "to": to, "rounds": 100, "draft": true, "ticket_ids": tickets });
        area.plan(days).await["plan_id"].as_str().expect("an id").parse::<Uuid>().expect("an id")
    };
    let (small, large) = (draft(14.9, 16.0, &tickets[..1]).await, draft(8.0, 14.9, &tickets[1..]).await);
    let accept = |plan: Uuid| {
        let dora = area.dora.clone();
        tokio::spawn(async move { dora.post(&format!("/plans/{plan}/accept"), &json!({})).await })
    };
    // This process gets nowhere with the small one, so that the large one is the other's; which gets as far as the last.
    let mut database = area.app.database().superuser().await;
    sqlx::raw_sql("begin").execute(&mut database).await.unwrap();
    let hold = "select 1 from ticket_document where ticket_id = any($1) for update";
    sqlx::query(hold).bind([tickets[0], tickets[23]]).execute(&mut database).await.unwrap();
    let first = accept(small);
    until("this process is at it", async || is_in(&area, small, "applying").await).await;
    let mut looking = area.app.database().superuser().await;
    let mut holder = async |plan: Uuid| -> Option<Uuid> {
        let held = sqlx::query_scalar("select holder from plan_run where plan_run_id = $1").bind(plan);
        held.fetch_one(&mut looking).await.expect("a plan")
    };
    while holder(small).await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let child = ServerChild::start(&area.app.database().app_url(), &key, directory.path()).await;
    let second = accept(large);
    until("most are assigned", async || area.bookings().await == 16).await;
    assert_ne!(holder(large).await, holder(small).await, "the other process is at it");
    child.kill().await;
    sqlx::raw_sql("rollback").execute(&mut database).await.unwrap();
    assert_eq!(first.await.expect("an answer").expect(200).json()["accepted"], 1);
    assert!(is_in(&area, large, "applying").await);
    leases_run_out(&area, large).await;
    let large = second.await.expect("an answer").expect(200).json();
    assert_eq!((&large["state"], &large["accepted"], &large["conflicts"]), (&json!("applied"), &json!(23), &json!(0)));
    let made: i64 = sqlx::query_scalar("select count(*) from assignment").fetch_one(&mut database).await.unwrap();
    assert_eq!((made, area.bookings().await), (24, 24), "nothing is assigned twice");
}

#[tokio::test]
async fn one_who_orders_many_plans_holds_up_nobody_else() {
    let (area, _) = area_with(2, 8).await;
    let mut many = Vec::new();
    for _ in 0..3 {
        many.push(order(&area, &area.dora, json!({ "to": area.at(24.0), "rounds": LONG })).await);
    }
    let globex = area.app.another_tenant("globex").await;
    let other = globex.dispatcher("sam").await;
    other.post("/plans", &json!({ "to": area.at(24.0) })).await.expect(201);
    let states: Vec<Value> = {
        let mut states = Vec::new();
        for (plan, _) in &many {
            states.push(view(&area, *plan).await["state"].clone());
        }
        states
    };
    assert_eq!(states, ["running", "queued", "queued"], "the others were not waited for");
    for (plan, answer) in many.into_iter().rev() {
        cancel(&area.dora, plan).await.expect(200);
        answer.await.expect("an answer").expect(201);
    }
}

#[tokio::test]
async fn a_tenant_has_twenty_plans_waiting_and_no_more() {
    let area = Area::new().await;
    let mut database = area.app.database().superuser().await;
    let wait = "insert into plan_run (
            tenant_id, plan_run_id, ordered_by, ordered_at, starts_at, ends_at, is_dry_run, seed, rounds, policy, state, held_until)
        select $1, gen_random_uuid(), $1, now(), now(), now() + interval '1 day', false, 1, 1, '{}', 'queued', 'infinity'
        from generate_series(1, 20)";
    sqlx::query(wait).bind(area.app.tenant().id.0).execute(&mut database).await.expect("plans that wait");
    let refused = area.dora.post("/plans", &json!({ "to": area.at(24.0) })).await;
    assert_eq!(refused.problem(429), "too-many-plans");
    assert_eq!(refused.headers["retry-after"], "10");
    let one = plans(&area).await[0];
    assert_eq!(cancel(&area.dora, one).await.expect(200).json()["state"], "cancelled", "one that waits");
    area.plan(json!({ "to": area.at(24.0) })).await;
}

#[tokio::test]
async fn a_plan_that_cannot_be_made_says_why() {
    let (area, _) = area_with(1, 1).await;
    let mut database = area.app.database().superuser().await;
    let wait = "insert into plan_run (
            tenant_id, plan_run_id, ordered_by, ordered_at, starts_at, ends_at, is_dry_run, seed, rounds, policy, state, attempts)
        values ($1, $2, $1, now(), now() - interval '2 days', now() - interval '1 day', false, 1, 1, '{}', 'queued', 0),
            ($1, $3, $1, now(), now(), now() + interval '1 day', false, 1, 1, '{}', 'running', 5)";
    let (late, fatal) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let insert = sqlx::query(wait).bind(area.app.tenant().id.0).bind(late).bind(fatal);
    insert.execute(&mut database).await.expect("two plans");
    leases_run_out(&area, fatal).await;
    for (plan, failure) in [(late, "days_are_over"), (fatal, "given_up")] {
        until("it has failed", async || is_in(&area, plan, "failed").await).await;
        let plan = view(&area, plan).await;
        assert_eq!((&plan["failure"], &plan["assigned"]), (&json!(failure), &json!(0)));
        assert!(!plan["finished_at"].is_null());
    }
    assert_eq!(area.bookings().await, 0);
}
