//! Whom work is done for, and where.

use callout_server::tenancy::Role;
use callout_tests::{Actor, TestApp};
use serde_json::{Value, json};

async fn a_customer(desk: &Actor, name: &str) -> Value {
    desk.post("/customers", &json!({ "name": name })).await.expect(201).json()
}

async fn a_site(desk: &Actor, name: &str) -> Value {
    desk.post("/sites", &json!({ "name": name, "time_zone": "Asia/Shanghai" })).await.expect(201).json()
}

fn path(kind: &str, of: &Value) -> String {
    let id = of[kind].as_str().unwrap_or_default();
    format!("/{}s/{id}", kind.trim_end_matches("_id"))
}

#[tokio::test]
async fn a_customer_is_entered_changed_archived_and_brought_back() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let new = json!({ "name": " 华东医院 ", "tier": "gold", "external_ref": "H-1", "locale": "zh-CN" });
    let entered = dora.post("/customers", &new).await.expect(201);
    assert_eq!(entered.header("etag"), "\"1\"");
    let entered = entered.json();
    assert_eq!(
        (&entered["name"], &entered["tier"], &entered["version"]),
        (&json!("华东医院"), &json!("gold"), &json!(1))
    );

    let path = path("customer_id", &entered);
    let changed = dora.put(&path, 1, &json!({ "name": "East Hospital", "archived": true })).await.expect(200).json();
    assert_eq!((&changed["tier"], &changed["external_ref"]), (&json!("standard"), &Value::Null));
    assert!(changed["archived_at"].is_string());
    assert_eq!(dora.get("/customers").await.json()["items"], json!([]));
    assert_eq!(dora.get("/customers?archived=true").await.json()["items"][0]["name"], "East Hospital");

    let stale = dora.put(&path, 1, &json!({ "name": "Late" })).await;
    assert_eq!((stale.problem(412).as_str(), &stale.json()["version"]), ("stale", &json!(2)));
    dora.put(&path, 2, &json!({ "name": "East Hospital" })).await.expect(200);
    assert_eq!(dora.get(&path).await.expect(200).json()["archived_at"], Value::Null);
}

#[tokio::test]
async fn an_external_reference_is_taken_once() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let new = json!({ "name": "a", "external_ref": "X" });
    dora.post("/customers", &new).await.expect(201);
    assert_eq!(dora.post("/customers", &new).await.problem(409), "reference-taken");
    let site = json!({ "name": "a", "time_zone": "UTC", "external_ref": "X" });
    dora.post("/sites", &site).await.expect(201);
    assert_eq!(dora.post("/sites", &site).await.problem(409), "reference-taken");
    let other = app.another_tenant("globex").await.dispatcher("gus").await;
    other.post("/customers", &new).await.expect(201);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    for name in ["Ahorn", "Birke", "Buche", "Birne"] {
        a_customer(&dora, name).await;
    }
    let names = |answer: Value| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = dora.get("/customers?q=BIR&limit=1").await.expect(200).json();
    let rest = dora.get(&format!("/customers?q=BIR&cursor={}", first["next_cursor"].as_str().unwrap())).await.json();
    assert_eq!((names(first), names(rest)), (vec!["Birke".to_owned()], vec!["Birne".to_owned()]));
    assert_eq!(dora.get("/customers?q=%00").await.problem(400), "invalid-query");
    assert_eq!(names(dora.get("/customers?q=%25").await.expect(200).json()).len(), 0, "a percent sign is itself");
}

#[tokio::test]
async fn what_is_not_acceptable_is_named() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let field = |answer: callout_tests::Answer| {
        assert_eq!(answer.problem(422), "invalid-field");
        answer.json()["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(field(dora.post("/customers", &json!({ "name": " " })).await), "name");
    assert_eq!(dora.post("/customers", &json!({ "name": "a\u{0}b" })).await.problem(422), "invalid-body");
    assert_eq!(field(dora.post("/customers", &json!({ "name": "a", "tier": "iron" })).await), "tier");
    assert_eq!(field(dora.post("/customers", &json!({ "name": "a", "locale": "fr" })).await), "locale");
    let site = |member: &str, value: Value| {
        let mut site = json!({ "name": "a", "time_zone": "UTC" });
        site[member] = value;
        site
    };
    assert_eq!(field(dora.post("/sites", &site("time_zone", json!("Mars/Olympus"))).await), "time_zone");
    assert_eq!(field(dora.post("/sites", &site("position", json!({ "lat": 91, "lon": 0 }))).await), "position");
    assert_eq!(field(dora.post("/sites", &site("position", json!({ "lat": 0, "lon": 0 }))).await), "position");
    assert_eq!(field(dora.post("/sites", &site("address", json!("x".repeat(501)))).await), "address");
    let nobody = json!("00000000-0000-7000-8000-000000000000");
    assert_eq!(field(dora.post("/sites", &site("customer_id", nobody)).await), "customer_id");
    assert_eq!(dora.post("/sites", &site("colour", json!("red"))).await.problem(422), "invalid-body");
    assert_eq!(dora.post("/sites", &json!([])).await.problem(422), "invalid-body");
    let unversioned =
        dora.request(reqwest::Method::PUT, &path("site_id", &a_site(&dora, "s").await)).json(&site("name", json!("b")));
    assert_eq!(unversioned.send().await.unwrap().status(), 428);
}

#[tokio::test]
async fn a_site_is_located_later_and_then_found_by_its_position() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let site = a_site(&dora, "Tower 2").await;
    assert_eq!(dora.get("/sites?located=false").await.json()["items"][0]["site_id"], site["site_id"]);
    let position = json!({ "lat": 31.2304, "lon": 121.4737 });
    let replacement = json!({ "name": "Tower 2", "time_zone": "Asia/Shanghai", "position": position });
    let located = dora.put(&path("site_id", &site), 1, &replacement).await.expect(200).json();
    assert_eq!(located["position"], position);
    assert_eq!(dora.get("/sites?located=false").await.json()["items"], json!([]));
    let customer = a_customer(&dora, "c").await["customer_id"].as_str().unwrap().to_owned();
    assert_eq!(dora.get(&format!("/sites?customer_id={customer}")).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_site_has_contacts() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let contacts = format!("{}/contacts", path("site_id", &a_site(&dora, "s").await));
    let new = json!({ "name": "Mr Wu", "phone": "+86 21 5555-0100", "email": "wu@example.cn" });
    let contact = dora.post(&contacts, &new).await.expect(201).json();
    let one = format!("{contacts}/{}", contact["contact_id"].as_str().unwrap());
    dora.put(&one, 1, &json!({ "name": "Ms Wu", "archived": true })).await.expect(200);
    assert_eq!(dora.put(&one, 1, &json!({ "name": "Late" })).await.problem(412), "stale");
    assert_eq!(dora.get(&contacts).await.expect(200).json()["items"][0]["name"], "Ms Wu");
    for (member, value) in [("phone", "call me"), ("phone", "=1+1"), ("email", "nobody"), ("name", "")] {
        let mut bad = new.clone();
        bad[member] = json!(value);
        assert_eq!(dora.post(&contacts, &bad).await.problem(422), "invalid-field");
    }
    assert_eq!(dora.post("/sites/00000000-0000-7000-8000-000000000000/contacts", &new).await.problem(404), "not-found");
}

#[tokio::test]
async fn another_tenants_rows_are_not_there() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let gus = app.another_tenant("globex").await.dispatcher("gus").await;
    let (customer, site) = (a_customer(&dora, "c").await, a_site(&dora, "s").await);
    for path in [path("customer_id", &customer), path("site_id", &site)] {
        assert_eq!(gus.get(&path).await.problem(404), "not-found");
        let replacement = json!({ "name": "mine" });
        let site_replacement = json!({ "name": "mine", "time_zone": "UTC" });
        let body = if path.starts_with("/sites") { site_replacement } else { replacement };
        assert_eq!(gus.put(&path, 1, &body).await.problem(404), "not-found");
    }
    let contacts = format!("{}/contacts", path("site_id", &site));
    assert_eq!(gus.get(&contacts).await.problem(404), "not-found");
    assert_eq!(gus.post(&contacts, &json!({ "name": "spy" })).await.problem(404), "not-found");
    let foreign = json!({ "name": "s", "time_zone": "UTC", "customer_id": customer["customer_id"] });
    assert_eq!(gus.post("/sites", &foreign).await.problem(422), "invalid-field");
    assert_eq!(gus.get("/customers").await.json()["items"], json!([]));
    assert_eq!(dora.get(&path("customer_id", &customer)).await.json()["version"], 1);
}

#[tokio::test]
async fn roles_see_and_change_what_they_may() {
    let app = TestApp::start().await;
    for (role, reads, writes) in [
        (Role::Admin, 200, 201),
        (Role::Dispatcher, 200, 201),
        (Role::Engineer, 200, 403),
        (Role::Warehouse, 200, 403),
        (Role::Auditor, 200, 403),
        (Role::Customer, 403, 403),
    ] {
        let person = app.tenant().person(&format!("a-{}", role.as_str()), role).await;
        for list in ["/customers", "/sites"] {
            assert_eq!(person.get(list).await.status, reads, "{role:?} {list}");
        }
        assert_eq!(person.post("/customers", &json!({ "name": "c" })).await.status, writes, "{role:?}");
        assert_eq!(person.post("/sites", &json!({ "name": "s", "time_zone": "UTC" })).await.status, writes, "{role:?}");
    }
}
