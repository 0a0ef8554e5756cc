//! The server as a process: it is up, it is ready, it stops.

use callout_tests::TestApp;

#[tokio::test]
async fn says_that_it_is_up_and_ready() {
    let app = TestApp::start().await;
    app.get("/healthz").await.expect(200);
    app.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn answers_an_unknown_path_with_a_problem() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/nowhere").await.problem(404), "not-found");
    assert_eq!(app.get("/api/v1/nowhere").await.problem(404), "not-found");
}
