//! Every operation of the API, called by those whom it is none of the business of. Taken from the API's own document, so
//! an operation that is added is called too.

use std::collections::BTreeMap;

use callout_tests::{Actor, Answer, Document, Operation, TestApp};
use reqwest::Method;
use serde_json::json;
use sqlx::PgConnection;

async fn document(app: &TestApp) -> Document {
    Document::new(app.get("/api/v1/openapi.json").await.expect(200).json())
}

/// One id of the victim's for each name a parameter has; of a kind that has no example here, one that is nobody's.
struct Ids(BTreeMap<&'static str, String>);

impl Ids {
    /// What the victim has. A feature that adds a kind of thing adds one here.
    async fn of(victim: &TestApp) -> Self {
        let ana = victim.engineer("ana").await;
        let device = ana.enrol_device(3).await;
        let mut ids = BTreeMap::from([("user", ana.user.to_string()), ("device", device.id.to_string())]);
        let mut database = victim.database().superuser().await;
        for (kind, question) in crate::fixtures::IDS {
            let found: Option<String> =
                sqlx::query_scalar(*question).fetch_optional(&mut database).await.expect("a look for an id");
            if let Some(id) = found {
                ids.insert(kind, id);
            }
        }
        Self(ids)
    }

    /// `user_id` and `user` mean the same.
    fn get(&self, name: &str) -> Option<&String> {
        self.0.get(name.strip_suffix("_id").unwrap_or(name))
    }

    fn any(&self, name: &str) -> String {
        self.get(name).cloned().unwrap_or_else(|| self.0["user"].clone())
    }
}

async fn call(document: &Document, operation: &Operation, caller: Option<&Actor>, app: &TestApp, ids: &Ids) -> Answer {
    let mut path = operation.path.clone();
    for name in &operation.path_parameters {
        path = path.replace(&format!("{{{name}}}"), &ids.any(name));
    }
    let url = app.url(&format!("/api/v1{path}"));
    let mut request = app.http().request(operation.method.clone(), url).header("if-match", "\"1\"");
    if let Some(caller) = caller {
        request = request.bearer_auth(&caller.token);
    }
    if let Some((media, schema)) = &operation.body {
        request = request.header("content-type", media);
        request = match media.as_str() {
            "application/json" => {
                let made_up = || document.example(schema, "", &|name| ids.any(name));
                request.body(crate::fixtures::body_for(&operation.id).unwrap_or_else(made_up).to_string())
            }
            _ => request.body("x"),
        };
    }
    Answer::of(request).await
}

/// The answer is this problem; one to HEAD has no body to say so.
fn expect_problem(operation: &Operation, answer: &Answer, status: u16, slug: &str) {
    match operation.method {
        Method::HEAD => assert_eq!(answer.status.as_u16(), status, "{}", operation.id),
        _ => assert_eq!(answer.problem(status), slug, "{}", operation.id),
    }
}

/// A digest of everything the tenant has, table by table. How far the relay has come is the server's own affair, and goes
/// on meanwhile.
async fn everything_of(database: &mut PgConnection, tenant: &str) -> BTreeMap<String, String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relname <> 'relay_position'",
    )
    .fetch_all(&mut *database)
    .await
    .expect("the tables");
    let mut all = BTreeMap::new();
    for table in tables {
        let question = format!(
            "select coalesce(md5(string_agg(row::text, ',' order by row::text)), '') from {table} row where tenant_id = $1::uuid"
        );
        let digest = sqlx::query_scalar(sqlx::AssertSqlSafe(question)).bind(tenant).fetch_one(&mut *database).await;
        all.insert(table, digest.expect("a digest"));
    }
    all
}

#[tokio::test]
async fn with_no_token_nothing_but_signing_in_answers() {
    let app = TestApp::start().await;
    let (document, ids) = (document(&app).await, Ids::of(&app).await);
    let mut open = Vec::new();
    for operation in document.operations() {
        if operation.is_open {
            open.push(operation.id);
            continue;
        }
        let answer = call(&document, &operation, None, &app, &ids).await;
        expect_problem(&operation, &answer, 401, "signed-out");
    }
    open.sort();
    assert_eq!(open, ["refresh_session", "sign_in"], "operations that anybody may call");
}

#[tokio::test]
async fn another_tenants_administrator_finds_nothing_and_changes_nothing() {
    let app = TestApp::start().await;
    crate::fixtures::fill(&app).await;
    let (document, ids) = (document(&app).await, Ids::of(&app).await);
    let rival = app.another_tenant("rival").await;
    let mut database = app.database().superuser().await;
    let victim = app.tenant().id.to_string();
    // Nobody else may change anything meanwhile.
    app.relayed().await;
    let before = everything_of(&mut database, &victim).await;
    let mut called = 0;
    for operation in document.operations().into_iter().filter(|operation| !operation.is_open) {
        // A session of its own for each call: signing out is an operation too.
        let stranger = rival.admin().await;
        let answer = call(&document, &operation, Some(&stranger), &app, &ids).await;
        let id = &operation.id;
        for parameter in &operation.path_parameters {
            assert!(ids.get(parameter).is_some(), "{id}: say in fixtures.rs how to find an example of {parameter}");
        }
        if !operation.path_parameters.is_empty() {
            expect_problem(&operation, &answer, 404, "not-found");
        }
        assert!(answer.status.as_u16() < 500, "{id}: {answer}");
        let text = String::from_utf8_lossy(&answer.body);
        let is_echo = operation.body.is_some() && !answer.status.is_success();
        for known in ids.0.values().filter(|_| !is_echo) {
            assert!(!text.contains(known.as_str()), "{id} tells a stranger of {known}: {text}");
        }
        called += 1;
    }
    assert!(called > 10, "only {called} operations were called");
    assert_eq!(everything_of(&mut database, &victim).await, before, "a stranger changed something");
}

#[tokio::test]
async fn malformed_requests_are_problems_everywhere() {
    let app = TestApp::start().await;
    let (document, ids) = (document(&app).await, Ids::of(&app).await);
    let oversized = "x".repeat(callout_server::platform::limits::LARGEST_BODY + 1);
    for operation in document.operations() {
        let admin = app.admin().await;
        let id = &operation.id;
        let path = operation
            .path_parameters
            .iter()
            .fold(operation.path.clone(), |path, name| path.replace(&format!("{{{name}}}"), &ids.any(name)));
        if !operation.path_parameters.is_empty() {
            let nonsense = operation.path_parameters.iter().fold(operation.path.clone(), |path, name| {
                path.replace(&format!("{{{name}}}"), "%27%3B--%00%F0%9F%92%A5")
            });
            let answer =
                Answer::of(admin.request(operation.method.clone(), &nonsense).header("if-match", "\"1\"")).await;
            assert!((400..500).contains(&answer.status.as_u16()), "{id}: {answer}");
        }
        for query in &operation.query_parameters {
            let answer =
                Answer::of(admin.request(operation.method.clone(), &format!("{path}?{query}=%00%27%3B--"))).await;
            assert!(answer.status.as_u16() < 500, "{id}?{query}: {answer}");
        }
        let Some((media, _)) = operation.body.as_ref().filter(|(media, _)| media == "application/json") else {
            continue;
        };
        let send = |body: String| {
            let request = admin.request(operation.method.clone(), &path).header("if-match", "\"1\"");
            Answer::of(request.header("content-type", media).body(body))
        };
        for body in ["", "{", "[]", "null", "7", "{\"no_such_field\":1}", "\u{0}", "{\"name\":\"\u{1F4A5}\\u0000\"}"] {
            let answer = send(body.to_owned()).await;
            assert!((400..500).contains(&answer.status.as_u16()), "{id} {body:?}: {answer}");
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{id} {body:?}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!((400..500).contains(&send(deep).await.status.as_u16()), "{id}");
        let answer = send(format!("\"{oversized}\"")).await;
        assert!([413, 400, 422].contains(&answer.status.as_u16()), "{id}: {answer}");
        let wrong_media = admin.request(operation.method.clone(), &path).header("if-match", "\"1\"").body("{}");
        assert_eq!(Answer::of(wrong_media).await.problem(415), "unsupported-media-type", "{id}");
    }
}

#[tokio::test]
async fn no_field_that_is_text_may_hold_a_zero_character_that_postgres_refuses() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "email": "a@b.example", "name": "a\u{0}b", "role": "auditor", "password": "long enough" });
    assert!((400..500).contains(&admin.post("/users", &body).await.status.as_u16()));
    let body = json!({ "email": "a\u{0}@b.example", "password": "x" });
    let answer = Answer::of(app.http().request(Method::POST, app.url("/api/v1/auth/sign-in")).json(&body)).await;
    assert!((400..500).contains(&answer.status.as_u16()), "{answer}");
}
