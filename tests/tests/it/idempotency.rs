//! A POST with an `Idempotency-Key` is carried out once.

use std::time::Duration;

use callout_server::users::UserView;
use callout_tests::{PASSWORD, TestApp};
use serde_json::{Value, json};

fn new_user(name: &str) -> Value {
    json!({ "email": format!("{name}@acme.example"), "name": name, "role": "auditor", "password": PASSWORD })
}

async fn users(app: &TestApp) -> i64 {
    let mut database = app.database().superuser().await;
    sqlx::query_scalar("select count(*) from app_user").fetch_one(&mut database).await.expect("a count")
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = admin.post_once("/users", "key-1", &new_user("eve")).await.expect(201);
    let again = admin.post_once("/users", "key-1", &new_user("eve")).await.expect(201);
    assert_eq!(first.body, again.body);
    assert_eq!(first.headers["content-type"], again.headers["content-type"]);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(users(&app).await, 2);
    // Without the key it is a second request.
    assert_eq!(admin.post("/users", &new_user("eve")).await.problem(409), "email-taken");
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post_once("/users", "key-1", &new_user("eve")).await.expect(201);
    let other = admin.post_once("/users", "key-1", &new_user("mallory")).await;
    assert_eq!(other.problem(422), "idempotency-key-reused");
    let path = format!("/users/{}/disable", app.engineer("ana").await.user);
    assert_eq!(admin.post_once(&path, "key-1", &json!({})).await.problem(422), "idempotency-key-reused");
    // Keys are each person's own.
    let second = app.tenant().person("second", callout_server::tenancy::Role::Admin).await;
    second.post_once("/users", "key-1", &new_user("mallory")).await.expect(201);
    assert_eq!(admin.post_once("/users", "", &new_user("x")).await.problem(422), "invalid-field");
    assert_eq!(admin.post_once("/users", &"k".repeat(201), &new_user("x")).await.problem(422), "invalid-field");
}

#[tokio::test]
async fn of_many_copies_at_once_one_is_carried_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (key, user) = ("key-1", new_user("eve"));
    let answers = futures_util::future::join_all((0..8).map(|_| admin.post_once("/users", key, &user))).await;
    let made: Vec<UserView> = answers.iter().filter(|a| a.status == 201).map(callout_tests::Answer::read).collect();
    assert!(!made.is_empty() && made.iter().all(|user| user.id == made[0].id));
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.problem(409), "in-progress");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(users(&app).await, 2);
}

#[tokio::test]
async fn a_request_that_did_nothing_may_be_sent_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/users", &new_user("eve")).await.expect(201);
    assert_eq!(admin.post_once("/users", "key-1", &new_user("eve")).await.problem(409), "email-taken");
    let mut database = app.database().superuser().await;
    sqlx::query("update app_user set email = 'moved@acme.example' where name = 'eve'")
        .execute(&mut database)
        .await
        .expect("out of the way");
    admin.post_once("/users", "key-1", &new_user("eve")).await.expect(201);
}

#[tokio::test]
async fn after_a_crash_it_is_known_what_happened() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post_once("/users", "key-1", &new_user("eve")).await.expect(201);
    let mut database = app.database().superuser().await;
    // As if the server had died after the commit and before the answer was kept.
    let crash = "update idempotency_key set status = null, content_type = null, body = null";
    sqlx::query(crash).execute(&mut database).await.expect("a crash");
    assert_eq!(admin.post_once("/users", "key-1", &new_user("eve")).await.problem(409), "in-progress");
    app.advance(Duration::from_secs(61));
    assert_eq!(admin.post_once("/users", "key-1", &new_user("eve")).await.problem(409), "outcome-lost");
    // As if it had died before the commit: the claim is free again after a minute.
    let crash = "update idempotency_key set carried_out = false";
    sqlx::query(crash).execute(&mut database).await.expect("an earlier crash");
    sqlx::query("delete from app_user where name = 'eve'").execute(&mut database).await.expect("rolled back");
    admin.post_once("/users", "key-1", &new_user("eve")).await.expect(201);
}

#[tokio::test]
async fn no_answer_with_a_token_is_kept() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let attempt = json!({ "email": dora.email, "password": PASSWORD });
    for _ in 0..2 {
        dora.post_once("/auth/sign-in", "key-1", &attempt).await.expect(200);
    }
    let mut database = app.database().superuser().await;
    let kept: i64 =
        sqlx::query_scalar("select count(*) from idempotency_key").fetch_one(&mut database).await.expect("a count");
    assert_eq!(kept, 0);
}
