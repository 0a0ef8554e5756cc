//! The server as a whole: up, ready, described, measured, and hard to overwhelm.

use callout_tests::{Document, TestApp};
use serde_json::json;

#[tokio::test]
async fn says_that_it_is_up_and_ready_and_what_it_measures() {
    let app = TestApp::start().await;
    app.get("/healthz").await.expect(200);
    app.get("/readyz").await.expect(200);
    app.engineer("ana").await.get("/me").await.expect(200);
    let measures = app.get("/metrics").await.expect(200);
    let measures = String::from_utf8_lossy(&measures.body);
    assert!(measures.contains(r#"http_requests_total{method="GET",route="/api/v1/me",status="200"}"#), "{measures}");
    assert!(measures.contains("database_connections"), "{measures}");
}

#[tokio::test]
async fn answers_an_unknown_path_or_method_with_a_problem() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/nowhere").await.problem(404), "not-found");
    assert_eq!(app.get("/api/v1/nowhere").await.problem(404), "not-found");
    assert_eq!(app.post("/me", &json!({})).await.problem(405), "method-not-allowed");
}

#[tokio::test]
async fn describes_itself_with_no_network() {
    let app = TestApp::start().await;
    let document = app.get("/api/v1/openapi.json").await.expect(200).json();
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let operations = Document::new(document.clone()).operations();
    let mut ids: Vec<&String> = operations.iter().map(|operation| &operation.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), operations.len(), "operation ids must be unique");
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path} says nothing of what it does");
        }
    }
    let tags: Vec<&str> =
        document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    for item in document["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("operations").values() {
            let tag = operation["tags"][0].as_str().expect("a tag");
            assert!(tags.contains(&tag), "nothing is said of the tag {tag}");
            let summary = operation["summary"].as_str().expect("a summary");
            assert!(summary.len() < 120 && !summary.contains(['`', '\n']), "too much for one line: {summary}");
        }
    }
    let references = document.to_string();
    for name in references.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document["components"]["schemas"][name].is_object(), "the schema {name} is missing");
    }

    let page = app.get("/docs/").await.expect(200);
    let page = String::from_utf8_lossy(&page.body);
    assert!(page.contains("swagger-ui"), "{page}");
    assert!(!page.contains("https://") && !page.contains("//cdn"), "the page must need no network: {page}");
    for file in
        page.split(['"']).filter(|part| part.ends_with(".js") || part.ends_with(".css") || part.ends_with(".png"))
    {
        app.get(&format!("/docs/{file}")).await.expect(200);
    }
    assert!(
        app.get("/docs/swagger-initializer.js").await.expect(200).body.windows(12).any(|part| part == b"openapi.json")
    );
    assert_eq!(app.get("/docs/nothing.js").await.problem(404), "not-found");
}

#[tokio::test]
async fn every_answer_carries_the_id_of_its_request() {
    let app = TestApp::start().await;
    let own = app.get("/healthz").await;
    assert_eq!(own.header("x-request-id").len(), 24);
    let send = async |id: &str| {
        let request = app.http().get(app.url("/nowhere")).header("x-request-id", id);
        request.send().await.expect("an answer").headers()["x-request-id"].to_str().expect("text").to_owned()
    };
    assert_eq!(send("from-a-proxy-17").await, "from-a-proxy-17");
    assert_ne!(send("no spaces; please").await, "no spaces; please");
}

#[tokio::test]
async fn turns_away_what_it_has_no_place_for() {
    let app = TestApp::start_with(|config| config.limits.max_requests = 1).await;
    let ana = app.engineer("ana").await;
    let answers = futures_util::future::join_all((0..40).map(|_| ana.get("/me"))).await;
    let shed: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!shed.is_empty() && shed.len() < 40);
    for answer in shed {
        assert_eq!(answer.problem(503), "unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    app.get("/healthz").await.expect(200);
    ana.get("/me").await.expect(200);
}

#[tokio::test]
async fn who_waits_too_long_for_somebody_else_is_told_to_try_again() {
    let app = TestApp::start().await;
    let (admin, ana) = (app.admin().await, app.engineer("ana").await);
    let mut superuser = app.database().superuser().await;
    sqlx::raw_sql("begin; select 1 from app_user for update").execute(&mut superuser).await.expect("locked");
    let disable = format!("/users/{}/disable", ana.user);
    let answer = admin.post(&disable, &json!({})).await;
    assert_eq!(answer.problem(503), "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    sqlx::raw_sql("rollback").execute(&mut superuser).await.expect("unlocked");
    admin.post(&disable, &json!({})).await.expect(200);
}

#[tokio::test]
async fn finishes_what_it_accepted_before_it_stops() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut superuser = app.database().superuser().await;
    // A request that waits for a lock is still running when the server is told to stop.
    use sqlx::Connection;
    let mut lock = superuser.begin().await.expect("a transaction");
    sqlx::query("select 1 from app_user for update").execute(&mut *lock).await.expect("locked");
    let me = admin.clone();
    let disable = format!("/users/{}/disable", app.engineer("ana").await.user);
    let running = tokio::spawn(async move { me.post(&disable, &json!({})).await });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let stopping = tokio::spawn(app.stop());
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!stopping.is_finished() && !running.is_finished());
    lock.commit().await.expect("unlocked");
    running.await.expect("not cancelled").expect(200);
    let _database = stopping.await.expect("stopped");
    assert!(admin.request(reqwest::Method::GET, "/me").send().await.is_err(), "nothing listens any more");
}
