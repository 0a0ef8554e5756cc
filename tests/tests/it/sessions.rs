//! Signing in, staying in, getting out.

use std::time::Duration;

use callout_server::devices::TokensView;
use callout_server::users::MeView;
use callout_tests::{Actor, PASSWORD, TestApp};
use serde_json::json;

async fn sign_in(app: &TestApp, who: &Actor) -> TokensView {
    app.post("/auth/sign-in", &json!({ "email": who.email, "password": PASSWORD })).await.expect(200).read()
}

async fn refresh(app: &TestApp, token: &str) -> callout_tests::Answer {
    app.post("/auth/refresh", &json!({ "refresh_token": token })).await
}

fn with_token(who: &Actor, tokens: &TokensView) -> Actor {
    who.with_token(&tokens.access_token)
}

#[tokio::test]
async fn signs_in_with_address_and_password() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let tokens = sign_in(&app, &dora).await;
    let me: MeView = with_token(&dora, &tokens).get("/me").await.read();
    assert_eq!((me.user.id, me.user.email.as_str()), (dora.user.0, "dora@acme.example"));

    let shouted = json!({ "email": " DORA@acme.example ", "password": PASSWORD, "tenant": "acme" });
    app.post("/auth/sign-in", &shouted).await.expect(200);
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_look_the_same() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let wrong = app.post("/auth/sign-in", &json!({ "email": dora.email, "password": "not that one" })).await;
    let unknown = app.post("/auth/sign-in", &json!({ "email": "x@y.example", "password": PASSWORD })).await;
    let elsewhere = json!({ "email": dora.email, "password": PASSWORD, "tenant": "other" });
    let elsewhere = app.post("/auth/sign-in", &elsewhere).await;
    assert_eq!(wrong.problem(401), "wrong-credentials");
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.body, elsewhere.body);
    let (wrong_headers, unknown_headers) = (wrong.headers.keys(), unknown.headers.keys());
    assert!(wrong_headers.eq(unknown_headers));
}

#[tokio::test]
async fn an_address_used_with_two_tenants_needs_the_tenant_named() {
    let app = TestApp::start().await;
    let rival = app.another_tenant("rival").await;
    for admin in [app.admin().await, rival.admin().await] {
        let new = json!({ "email": "both@x.example", "name": "Both", "role": "auditor", "password": PASSWORD });
        admin.post("/users", &new).await.expect(201);
    }
    let unnamed = json!({ "email": "both@x.example", "password": PASSWORD });
    assert_eq!(app.post("/auth/sign-in", &unnamed).await.problem(401), "wrong-credentials");
    let named = json!({ "email": "both@x.example", "password": PASSWORD, "tenant": "rival" });
    app.post("/auth/sign-in", &named).await.expect(200);
}

#[tokio::test]
async fn an_access_token_is_good_for_a_quarter_of_an_hour() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    app.advance(Duration::from_secs(14 * 60));
    dora.get("/me").await.expect(200);
    app.advance(Duration::from_secs(2 * 60));
    assert_eq!(dora.get("/me").await.problem(401), "signed-out");
}

#[tokio::test]
async fn signing_out_counts_from_the_next_request_on() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let tokens = sign_in(&app, &dora).await;
    let other = with_token(&dora, &tokens);
    other.post("/auth/sign-out", &json!({})).await.expect(204);
    assert_eq!(other.get("/me").await.problem(401), "signed-out");
    assert_eq!(refresh(&app, &tokens.refresh_token).await.problem(401), "signed-out");
    dora.get("/me").await.expect(200);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_may_be_sent_again() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    let first = sign_in(&app, &ana).await;
    let lost: TokensView = refresh(&app, &first.refresh_token).await.read();
    let second: TokensView = refresh(&app, &first.refresh_token).await.read();
    with_token(&ana, &second).get("/me").await.expect(200);
    let third: TokensView = refresh(&app, &second.refresh_token).await.read();
    with_token(&ana, &third).get("/me").await.expect(200);
    // What was lost turns up after all: now it is a second copy of a session that has moved on.
    assert_eq!(refresh(&app, &lost.refresh_token).await.problem(401), "session-replayed");
    assert_eq!(with_token(&ana, &third).get("/me").await.problem(401), "signed-out");
}

#[tokio::test]
async fn a_replayed_refresh_token_ends_the_session_for_everyone() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    let first = sign_in(&app, &ana).await;
    let second: TokensView = refresh(&app, &first.refresh_token).await.read();
    let third: TokensView = refresh(&app, &second.refresh_token).await.read();
    assert_eq!(refresh(&app, &first.refresh_token).await.problem(401), "session-replayed");
    for tokens in [&second, &third] {
        assert_eq!(refresh(&app, &tokens.refresh_token).await.problem(401), "signed-out");
        assert_eq!(with_token(&ana, tokens).get("/me").await.problem(401), "signed-out");
    }
    ana.get("/me").await.expect(200);
}

#[tokio::test]
async fn parallel_copies_of_one_refresh_leave_one_line_of_tokens() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    let first = sign_in(&app, &ana).await;
    let copies = (0..6).map(|_| refresh(&app, &first.refresh_token));
    let answers = futures_util::future::join_all(copies).await;
    let tokens: Vec<TokensView> = answers.iter().map(callout_tests::Answer::read).collect();
    let next: TokensView = refresh(&app, &tokens[3].refresh_token).await.read();
    with_token(&ana, &next).get("/me").await.expect(200);
    assert_eq!(refresh(&app, &tokens[0].refresh_token).await.problem(401), "session-replayed");
}

#[tokio::test]
async fn a_refresh_token_is_good_for_sixty_days() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    let tokens = sign_in(&app, &ana).await;
    app.advance(Duration::from_secs(59 * 86_400));
    let tokens: TokensView = refresh(&app, &tokens.refresh_token).await.read();
    app.advance(Duration::from_secs(61 * 86_400));
    assert_eq!(refresh(&app, &tokens.refresh_token).await.problem(401), "signed-out");
}

#[tokio::test]
async fn only_a_few_sign_in_at_once_and_the_rest_are_told_when_to_come_back() {
    let app = TestApp::start().await;
    let attempt = json!({ "email": "x@y.example", "password": PASSWORD });
    let answers = futures_util::future::join_all((0..12).map(|_| app.post("/auth/sign-in", &attempt))).await;
    let (busy, heard): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 429);
    assert!(!busy.is_empty() && !heard.is_empty());
    for answer in busy {
        assert_eq!(answer.problem(429), "sign-in-busy");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn tokens_of_any_other_shape_are_refused() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let tokens = sign_in(&app, &dora).await;
    let other_tenant = format!("ca_{}_{}", "0".repeat(32), &dora.token[36..]);
    for token in ["", "x", "ca__", &tokens.refresh_token, &other_tenant, &dora.token[..99], "ca_é_é"] {
        assert_eq!(dora.with_token(token).get("/me").await.problem(401), "signed-out", "{token}");
    }
    assert_eq!(app.get("/api/v1/me").await.problem(401), "signed-out");
    assert_eq!(refresh(&app, &dora.token).await.problem(401), "signed-out");
}

#[tokio::test]
async fn many_callers_at_once_are_each_taken_for_who_they_are() {
    let app = TestApp::start().await;
    let rival = app.another_tenant("rival").await;
    let mut people = Vec::new();
    for n in 0..10 {
        people.push(app.engineer(&format!("e{n}")).await);
        people.push(rival.engineer(&format!("e{n}")).await);
    }
    let nobody = people[0].with_token(&format!("ca_{}_{}", "0".repeat(32), "0".repeat(64)));
    let calls = (0..200).map(|n| {
        let (who, nobody) = (people[n * 7 % people.len()].clone(), nobody.clone());
        async move {
            if n % 10 == 9 {
                assert_eq!(nobody.get("/me").await.problem(401), "signed-out");
                return;
            }
            let me: MeView = who.get("/me").await.read();
            assert_eq!((me.user.id, me.tenant), (who.user.0, who.tenant.0));
        }
    });
    futures_util::future::join_all(calls).await;
}
