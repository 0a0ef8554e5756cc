//! The server as a process: it is up, it is ready, it stops.

use callout_tests::TestApp;

#[tokio::test]
async fn says_that_it_is_up_and_ready() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/healthz").await.status(), 200);
    assert_eq!(app.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn answers_an_unknown_path_with_a_problem() {
    let app = TestApp::start().await;
    let answer = app.get("/nowhere").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(problem["type"], "urn:callout:problem:not-found");
}
