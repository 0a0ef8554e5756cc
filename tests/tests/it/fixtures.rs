//! What the victim of the stranger tests has: one of everything that the API names in a path. A feature adds its own here.

use callout_server::ledger::NewTicket;
use callout_server::tenancy::TenantTx;
use callout_tests::{Answer, TestApp};
use serde_json::{Value, json};
use sync_core::ids::{SiteId, VisitId};
use sync_core::time::ServerTime;

/// For each kind of thing, how to find one. `user` and `device` are made by the test itself.
pub const IDS: &[(&str, &str)] = &[
    ("customer", "select customer_id::text from customer"),
    ("site", "select site_id::text from site"),
    ("contact", "select contact_id::text from contact"),
    ("engineer", "select engineer_id::text from engineer"),
    ("shift", "select shift_id::text from shift"),
    ("time_off", "select time_off_id::text from time_off"),
    ("skill", "select skill from skill"),
    ("code", "select code from ticket_type"),
    ("sha256", "select encode(sha256, 'hex') from stored_blob"),
    ("name", "select name from import_mapping"),
    ("ticket", "select ticket_id::text from ticket"),
    ("visit", "select visit_id::text from assignment"),
    ("quarantine", "select quarantine_id::text from quarantine"),
    ("assignment", "select grant_id::text from assignment"),
    ("plan", "select plan_run_id::text from plan_run"),
    ("article", "select article_id::text from article"),
    ("day", "select day::text from log_root"),
];

/// Makes one of each.
pub async fn fill(app: &TestApp) {
    let desk = app.dispatcher("fixture").await;
    let made = async |path: &str, body: Value| desk.post(path, &body).await.expect(201).json();
    made("/customers", json!({ "name": "victim's customer" })).await;
    let position = json!({ "lat": 31.2304, "lon": 121.4737 });
    let site = json!({ "name": "victim's site", "time_zone": "UTC", "position": position });
    let site = made("/sites", site).await;
    let site = site["site_id"].as_str().expect("an id");
    made(&format!("/sites/{site}/contacts"), json!({ "name": "victim's contact" })).await;
    made("/skills", json!({ "code": "victims-skill", "name_en": "x", "name_zh": "x" })).await;
    let engineer = app.engineer("fixture-engineer").await.user;
    made("/engineers", json!({ "user_id": engineer.0, "display_name": "victim's engineer" })).await;
    made(&format!("/engineers/{engineer}/shifts"), body_for("add_shifts").expect("a body")).await;
    made(&format!("/engineers/{engineer}/time-off"), body_for("add_time_off").expect("a body")).await;
    let mut ticket_type = body_for("create_ticket_type").expect("a body");
    ticket_type["code"] = json!("victims-type");
    made("/ticket-types", ticket_type).await;
    let article = made("/articles", body_for("create_article").expect("a body")).await;
    let publish = format!("/articles/{}/publish", article["article_id"].as_str().expect("an id"));
    Answer::of(desk.request(reqwest::Method::POST, &publish).header("if-match", "\"1\"")).await.expect(200);
    let mapping = desk.request(reqwest::Method::PUT, "/import-mappings/victims-mapping");
    Answer::of(mapping.json(&body_for("put_mapping").expect("a body"))).await.expect(200);
    let asked_for = made("/tickets", json!({ "ticket_type": "victims-type", "title": "victim's ticket" })).await;
    set_aside(app, asked_for["ticket_id"].as_str().expect("an id")).await;
    let visit = ticket(app, site.parse().expect("an id")).await;
    made(&format!("/visits/{visit}/assignments"), json!({ "engineer_id": engineer.0, "override": true })).await;
    store_blob(app).await;
    close_day(app).await;
    made("/plans", json!({ "to": app.state().clock.now() + chrono::TimeDelta::days(1) })).await;
}

/// A ticket with one visit at this site.
async fn ticket(app: &TestApp, site: SiteId) -> VisitId {
    let new = NewTicket {
        ticket_type: "victims-type".into(),
        title: "victim's ticket".into(),
        description: None,
        priority: 3,
        customer: None,
        site: Some(site),
        asset: None,
        contact: None,
        respond_by: None,
        resolve_by: None,
        skills: Default::default(),
        duration_ms: 3_600_000,
        visits: vec![None],
    };
    let (ledger, now) = (app.state().ledger.clone(), ServerTime(app.state().clock.now_ms()));
    let create = async move |tx: &mut TenantTx| ledger.create(tx, new, None, now).await;
    app.tenant().system().transact(create).await.expect("a ticket").visits[0]
}

/// Bytes in the blob store.
async fn store_blob(app: &TestApp) {
    let bytes = b"victim's photo".to_vec();
    let sha256 = sync_core::ids::Sha256Hash::of(&bytes).0;
    let key = callout_server::platform::blobs::BlobKey { tenant: app.tenant().id.0, sha256 };
    app.state().blobs.put(key, bytes).await.expect("a stored blob");
    sqlx::query("insert into stored_blob (tenant_id, sha256, size, stored_at) values ($1, $2, 14, now())")
        .bind(app.tenant().id.0)
        .bind(&sha256[..])
        .execute(&mut app.database().superuser().await)
        .await
        .expect("a stored blob");
}

/// A day that is closed, as a worker leaves it when it is over.
async fn close_day(app: &TestApp) {
    sqlx::query(
        "insert into log_root (
            tenant_id, day, leaves, changes, root, previous, server_epoch, upto_xid, closed_at, signature)
        values ($1, '2020-02-02', 0, 0, 'x', 'x', $1, 0, now(), 'x')",
    )
    .bind(app.tenant().id.0)
    .execute(&mut app.database().superuser().await)
    .await
    .expect("a closed day");
}

/// A change that was set aside, which only a phone could bring about.
async fn set_aside(app: &TestApp, ticket: &str) {
    let nobody = sync_core::ids::UserId(Default::default()).0;
    sqlx::query(
        "insert into quarantine (
            tenant_id, quarantine_id, ticket_id, device_id, user_id, session_nonce, dev_seq, change_hash, change_bytes,
            code, detail, received_at)
        values ($1, gen_random_uuid(), $2::uuid, $3, $3, '', 1, '', '', 'denied', '', now())",
    )
    .bind(app.tenant().id.0)
    .bind(ticket)
    .bind(nobody)
    .execute(&mut app.database().superuser().await)
    .await
    .expect("a change set aside");
}

/// A good body where one made up from the schema would be refused before the thing it is about is looked for.
pub fn body_for(operation: &str) -> Option<Value> {
    let ticket_type = json!({
        "name_en": "x", "name_zh": "x", "duration_min": 60, "priority": 3, "dispatch_mode": "manual",
    });
    let window = json!({ "starts_at": "2030-01-01T08:00:00Z", "ends_at": "2030-01-01T16:00:00Z" });
    Some(match operation {
        "create_ticket_type" => {
            let mut with_code = ticket_type;
            with_code["code"] = json!("strangers-type");
            with_code
        }
        "update_ticket_type" => ticket_type,
        "update_customer" => json!({ "name": "x" }),
        "update_site" => json!({ "name": "x", "time_zone": "UTC" }),
        "create_contact" | "update_contact" => json!({ "name": "x" }),
        "update_engineer" => json!({ "display_name": "x" }),
        "set_engineer_skills" => json!({ "skills": [] }),
        "add_shifts" => json!({ "shifts": [window] }),
        "add_time_off" => window,
        "put_mapping" => json!({
            "source": "x", "time_zone": "UTC", "date_formats": ["%F"], "external_id": "x", "title": "x", "requested_at": "x",
            "ticket_type": { "default": { "ticket_type": "x" } }, "site": { "name": "x", "address": "x" },
        }),
        "create_article" | "write_article" => json!({ "title": "x", "body": "x", "language": "en" }),
        "edit_ticket" => json!({ "edits": [{ "field": "priority", "seen": 3, "value": 1 }] }),
        "cancel_ticket" | "reopen_ticket" => json!({ "reason": "x" }),
        "note_on_ticket" => json!({ "text": "x" }),
        "locate_ticket" => json!({ "position": { "lat": 1, "lon": 1 } }),
        "offer_windows" => json!({}),
        "offer_windows_for_request" => json!({ "position": { "lat": 1, "lon": 1 }, "duration_min": 60 }),
        "accept_offer" => json!({ "window": window }),
        "edit_visit" => json!({ "pinned": { "seen": false, "value": true } }),
        "settle_quarantined" => json!({ "settlement": "dismissed" }),
        _ => return None,
    })
}
