//! One ticket seen from both sides: what phones bring shows at the desk, and the desk brings it to its end.

use callout_server::ledger::{By, LedgerError};
use callout_server::tenancy::TenantTx;
use callout_tests::{Actor, Answer, Phone, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::document::{FactBody, GrantRole};
use sync_core::ids::{TicketId, VisitId};
use sync_core::time::{ServerTime, TimeWindow};

struct Given {
    app: TestApp,
    dora: Actor,
    phone: Phone,
    ticket: TicketId,
    visit: VisitId,
}

/// A ticket with a window, given to ana, and on her phone.
async fn a_ticket_on_a_phone() -> Given {
    let app = TestApp::start().await;
    let (dora, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let repair = json!({
        "code": "repair", "name_en": "Repair", "name_zh": "维修", "duration_min": 60, "priority": 3, "dispatch_mode": "manual"
    });
    dora.post("/ticket-types", &repair).await.expect(201);
    let window = json!({ "starts_at": "2030-03-03T08:00:00Z", "ends_at": "2030-03-03T10:00:00Z" });
    let new = json!({ "ticket_type": "repair", "title": "Boiler", "window": window });
    let made = dora.post("/tickets", &new).await.expect(201).json();
    let id = |value: &Value| value.as_str().unwrap_or_default().parse().unwrap_or_default();
    let (ticket, visit) = (TicketId(id(&made["ticket_id"])), VisitId(id(&made["visits"][0]["visit_id"])));
    give(&app, ticket, visit, &ana).await.expect("the visit is given");
    let device = ana.enrol_device(1).await;
    let mut phone = Phone::in_own_directory(ana, device, app.state().clock.clone(), 7);
    phone.online().await;
    Given { app, dora, phone, ticket, visit }
}

async fn give(app: &TestApp, ticket: TicketId, visit: VisitId, to: &Actor) -> Result<(), LedgerError> {
    let (ledger, ctx, user) = (app.state().ledger.clone(), app.tenant().system(), to.user);
    let (by, now) = (By::caller(&ctx), ServerTime(app.state().clock.now_ms()));
    let slot = TimeWindow::new(now, ServerTime(now.0 + 3_600_000)).expect("a slot");
    ctx.transact(async move |tx: &mut TenantTx| {
        ledger.edit(tx, ticket, by, now, |desk| desk.assign(visit, user, GrantRole::Lead, Some(slot)).map(|_| ())).await
    })
    .await
}

#[tokio::test]
async fn work_done_underground_shows_at_the_desk_and_is_verified_and_closed() {
    let Given { app: _app, dora, mut phone, ticket, visit } = a_ticket_on_a_phone().await;
    phone.offline();
    phone.work(visit);
    phone.photograph(visit, b"a photo");
    let path = format!("/tickets/{ticket}");
    assert_eq!(dora.get(&path).await.json()["status"], "assigned");
    phone.online().await;
    let seen = dora.get(&path).await.expect(200).json();
    let said: Vec<&Value> = seen["timeline"].as_array().unwrap().iter().map(|fact| &fact["kind"]).collect();
    assert_eq!(said, ["assign", "accept", "depart", "check_in", "start", "done", "blob"]);
    assert_eq!((&seen["status"], &seen["evidence"][0]["is_stored"]), (&json!("done"), &json!(true)));
    assert_eq!(seen["engineer_ids"].as_array().unwrap().len(), 1);
    assert_eq!(dora.post(&format!("{path}/verify"), &json!({})).await.expect(200).json()["status"], "verified");
    assert_eq!(dora.post(&format!("{path}/close"), &json!({})).await.expect(200).json()["status"], "closed");
    let closed = dora.get("/tickets?status=closed&needs_location=false").await.json();
    assert_eq!(closed["items"][0]["ticket_id"], seen["ticket_id"]);
}

#[tokio::test]
async fn the_phone_moves_the_start_and_the_desk_the_end_and_both_stay() {
    let Given { app: _app, dora, mut phone, ticket, visit } = a_ticket_on_a_phone().await;
    phone.offline();
    phone.move_start(visit, ServerTime(1_898_758_800_000));
    let body = json!({ "end": { "seen": "2030-03-03T10:00:00Z", "value": "2030-03-03T12:00:00Z" } });
    Answer::of(dora.request(Method::PATCH, &format!("/visits/{visit}")).json(&body)).await.expect(200);
    phone.online().await;
    let seen = dora.get(&format!("/visits/{visit}")).await.json();
    assert_eq!(
        (&seen["starts_at"], &seen["ends_at"]),
        (&json!("2030-03-03T09:00:00Z"), &json!("2030-03-03T12:00:00Z"))
    );
    assert_eq!(dora.get(&format!("/tickets/{ticket}")).await.json()["needs_review"], false);
}

#[tokio::test]
async fn what_a_phone_may_not_say_is_set_aside_and_settled_by_a_dispatcher() {
    let Given { app, dora, mut phone, visit, ticket } = a_ticket_on_a_phone().await;
    phone.forge(visit, FactBody::Verify {});
    phone.online().await;
    let waiting = dora.get(&format!("/quarantine?ticket_id={ticket}")).await.expect(200).json();
    let one = &waiting["items"][0];
    assert_eq!((&one["fact_kind"], &one["settled_at"]), (&json!("verify"), &Value::Null));
    let settle = format!("/quarantine/{}/settle", one["quarantine_id"].as_str().unwrap());
    let rival = app.another_tenant("globex").await.dispatcher("gus").await;
    assert_eq!(rival.post(&settle, &json!({ "settlement": "dismissed" })).await.problem(404), "not-found");
    assert_eq!(dora.post(&settle, &json!({ "settlement": "eaten" })).await.problem(422), "invalid-body");
    let settled = dora.post(&settle, &json!({ "settlement": "entered" })).await.expect(200).json();
    assert_eq!((&settled["settlement"], &settled["settled_by"]), (&json!("entered"), &json!(dora.user.0)));
    let again = dora.post(&settle, &json!({ "settlement": "dismissed" })).await.expect(200).json();
    assert_eq!(again, settled, "a decision stands");
    assert_eq!(dora.get("/quarantine").await.json()["items"], json!([]));
    assert_eq!(dora.get("/quarantine?settled=true").await.json()["items"], json!([settled]));
}

#[tokio::test]
async fn a_ticket_sent_twice_with_one_key_is_made_once() {
    let Given { app: _app, dora, .. } = a_ticket_on_a_phone().await;
    let new = json!({ "ticket_type": "repair", "title": "Twice" });
    let first = dora.post_once("/tickets", "key-1", &new).await.expect(201).json();
    let second = dora.post_once("/tickets", "key-1", &new).await.expect(201).json();
    assert_eq!(first, second);
    assert_eq!(dora.get("/tickets?q=twice").await.json()["items"].as_array().unwrap().len(), 1);
}
