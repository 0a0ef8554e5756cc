//! The people of a tenant.

use callout_server::platform::page::Page;
use callout_server::tenancy::Role;
use callout_server::users::{Locale, MeView, UserView};
use callout_tests::{Actor, PASSWORD, TestApp};
use serde_json::json;

async fn create(admin: &Actor, name: &str, role: &str) -> UserView {
    let email = format!("{name}@acme.example");
    let new = json!({ "email": email, "name": name, "role": role, "password": PASSWORD });
    admin.post("/users", &new).await.expect(201).read()
}

#[tokio::test]
async fn an_administrator_adds_and_changes_people() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ana = create(&admin, "ana", "engineer").await;
    let path = format!("/users/{}", ana.id);
    let answer = admin.get(&path).await.expect(200);
    assert_eq!(answer.header("etag"), "\"1\"");

    let changed: UserView = admin.patch(&path, 1, &json!({ "name": "Ana B", "locale": "zh-CN" })).await.read();
    assert_eq!((changed.name.as_str(), changed.locale, changed.version), ("Ana B", Locale::Chinese, 2));
    assert_eq!(changed.role.0, Role::Engineer);
    assert_eq!(admin.patch(&path, 1, &json!({ "name": "Late" })).await.problem(412), "stale");
    let unconditional = admin.request(reqwest::Method::PATCH, &path).json(&json!({ "name": "x" })).send().await;
    assert_eq!(unconditional.expect("an answer").status(), 428);
}

#[tokio::test]
async fn lists_page_by_page() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["ana", "ben", "cleo", "dora"] {
        // Ids of one millisecond come in no order.
        app.advance(std::time::Duration::from_millis(2));
        app.engineer(name).await;
    }
    let (mut names, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page: Page<UserView> = admin.get(&format!("/users?limit=2{query}")).await.read();
        names.extend(page.items.into_iter().map(|user| user.name));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["Admin", "ana", "ben", "cleo", "dora"]);
    assert_eq!(admin.get("/users?cursor=zz").await.problem(422), "invalid-field");
    assert_eq!(admin.get("/users?limit=many").await.problem(400), "invalid-query");
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on() {
    let app = TestApp::start().await;
    let (admin, dora) = (app.admin().await, app.dispatcher("dora").await);
    dora.get("/users").await.expect(200);
    let me: MeView = dora.get("/me").await.read();
    admin.patch(&format!("/users/{}", dora.user), me.user.version, &json!({ "role": "engineer" })).await.expect(200);
    assert_eq!(dora.get("/users").await.problem(403), "forbidden");
}

#[tokio::test]
async fn a_disabled_user_is_out_at_the_next_request_and_can_come_back() {
    let app = TestApp::start().await;
    let (admin, dora) = (app.admin().await, app.dispatcher("dora").await);
    let path = format!("/users/{}", dora.user);
    let disabled: UserView = admin.post(&format!("{path}/disable"), &json!({})).await.read();
    assert!(disabled.disabled_at.is_some());
    assert_eq!(dora.get("/me").await.problem(401), "revoked");
    let attempt = json!({ "email": dora.email, "password": PASSWORD });
    assert_eq!(app.post("/auth/sign-in", &attempt).await.problem(401), "wrong-credentials");
    admin.post(&format!("{path}/enable"), &json!({})).await.expect(200);
    dora.get("/me").await.expect(200);
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/users/{}", admin.user);
    assert_eq!(admin.post(&format!("{path}/disable"), &json!({})).await.problem(409), "last-admin");
    assert_eq!(admin.patch(&path, 1, &json!({ "role": "auditor" })).await.problem(409), "last-admin");

    let second = app.tenant().person("eve", Role::Admin).await;
    let (one, other) = (format!("{path}/disable"), format!("/users/{}/disable", second.user));
    let nothing = json!({});
    let (first, second) = tokio::join!(second.post(&one, &nothing), admin.post(&other, &nothing));
    let disabled = [first, second].iter().filter(|answer| answer.status == 200).count();
    assert_eq!(disabled, 1, "two administrators must not be able to remove each other at once");
}

#[tokio::test]
async fn only_those_who_may_see_and_manage_people_do() {
    let app = TestApp::start().await;
    let new = json!({ "email": "x@acme.example", "name": "x", "role": "auditor", "password": PASSWORD });
    for role in Role::ALL.iter().copied().filter(|role| *role != Role::Admin) {
        let person = app.tenant().person(role.as_str(), role).await;
        let may_read = [Role::Dispatcher, Role::Auditor].contains(&role);
        assert_eq!(person.get("/users").await.status, if may_read { 200 } else { 403 }, "{role:?}");
        assert_eq!(person.post("/users", &new).await.problem(403), "forbidden", "{role:?}");
        let disable = format!("/users/{}/disable", person.user);
        assert_eq!(person.post(&disable, &json!({})).await.problem(403), "forbidden", "{role:?}");
    }
}

#[tokio::test]
async fn bad_fields_are_named() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let good = json!({ "email": "x@acme.example", "name": "x", "role": "auditor", "password": PASSWORD });
    for (field, value) in [
        ("email", json!("nobody")),
        ("name", json!("  ")),
        ("name", json!("x".repeat(201))),
        ("password", json!("short")),
        ("password", json!("x".repeat(201))),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let answer = admin.post("/users", &bad).await;
        assert_eq!(answer.problem(422), "invalid-field", "{field}");
        assert_eq!(answer.json()["field"], field);
    }
    for (field, value) in
        [("locale", json!("tlh")), ("role", json!("root")), ("is_admin", json!(true)), ("name", json!(7))]
    {
        let mut bad = good.clone();
        bad[field] = value;
        assert_eq!(admin.post("/users", &bad).await.problem(422), "invalid-body", "{field}");
    }
    admin.post("/users", &good).await.expect(201);
    assert_eq!(admin.post("/users", &good).await.problem(409), "email-taken");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let elsewhere = app.tenant().sign_in_again(&dora).await;
    let wrong = json!({ "current_password": "not that one", "new_password": "a better password" });
    assert_eq!(dora.post("/me/password", &wrong).await.problem(403), "wrong-password");
    let right = json!({ "current_password": PASSWORD, "new_password": "a better password" });
    dora.post("/me/password", &right).await.expect(204);
    dora.get("/me").await.expect(200);
    assert_eq!(elsewhere.get("/me").await.problem(401), "signed-out");
    let attempt = json!({ "email": dora.email, "password": "a better password" });
    app.post("/auth/sign-in", &attempt).await.expect(200);
}
