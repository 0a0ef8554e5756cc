//! Articles and procedures at the desk: written, published, read, searched and withdrawn.

use callout_tests::{Actor, Answer, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use sync_core::policy::Role;
use uuid::Uuid;

pub fn text(title: &str, body: &str) -> Value {
    json!({ "title": title, "body": body, "language": "both", "tags": ["泵", "pump"] })
}

/// Publishes or withdraws what has this version.
pub async fn verb(desk: &Actor, article: &Value, verb: &str) -> Answer {
    let path = format!("/articles/{}/{verb}", article["article_id"].as_str().expect("an id"));
    let version = format!("\"{}\"", article["version"]);
    Answer::of(desk.request(Method::POST, &path).header("if-match", version)).await
}

/// An article that everybody can read.
pub async fn published(desk: &Actor, title: &str, body: &str) -> Value {
    let draft = desk.post("/articles", &text(title, body)).await.expect(201).json();
    verb(desk, &draft, "publish").await.expect(200).json()
}

pub fn plain(parts: &Value) -> String {
    parts.as_array().expect("parts").iter().map(|part| part["text"].as_str().expect("text")).collect()
}

async fn search(who: &Actor, asked: &str) -> Answer {
    Answer::of(who.request(Method::GET, "/articles/search").query(&[("q", asked)])).await
}

pub async fn found(who: &Actor, asked: &str) -> Vec<String> {
    let page = search(who, asked).await.expect(200).json();
    page["items"].as_array().expect("items").iter().map(|item| plain(&item["title"])).collect()
}

#[tokio::test]
async fn an_article_is_a_draft_then_published_then_withdrawn_and_no_text_is_lost() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let draft = desk.post("/articles", &text("更换密封圈", "先泄压。")).await.expect(201).json();
    let path = format!("/articles/{}", draft["article_id"].as_str().unwrap());
    assert_eq!((&draft["draft"], &draft["published"], &draft["version"]), (&json!(1), &Value::Null, &json!(1)));
    assert_eq!(ana.get(&path).await.problem(404), "not-found");
    assert!(found(&ana, "密封圈").await.is_empty());
    assert_eq!(ana.get("/articles").await.expect(200).json()["items"], json!([]));
    assert_eq!(desk.get("/articles?state=draft").await.expect(200).json()["items"][0]["title"], "更换密封圈");

    let public = verb(&desk, &draft, "publish").await.expect(200).json();
    assert_eq!((&public["draft"], &public["published"], &public["number"]), (&Value::Null, &json!(1), &json!(1)));
    assert_eq!(ana.get(&path).await.expect(200).json()["body"], "先泄压。");
    assert_eq!(found(&ana, "密封圈").await, ["更换密封圈"]);
    assert_eq!(verb(&desk, &public, "publish").await.problem(409), "no-draft");

    // A second text: readers see the first until it is published.
    let second = desk.put(&path, 2, &text("更换机械密封", "先断电。")).await.expect(200).json();
    assert_eq!((&second["number"], &second["draft"], &second["published"]), (&json!(2), &json!(2), &json!(1)));
    assert_eq!(desk.put(&path, 2, &text("late", "late")).await.problem(412), "stale");
    assert_eq!(verb(&desk, &public, "publish").await.problem(412), "stale");
    let seen =
        async |query: &str, who: &Actor| who.get(&format!("{path}{query}")).await.expect(200).json()["title"].clone();
    assert_eq!((seen("", &desk).await, seen("?draft=true", &desk).await), (json!("更换密封圈"), json!("更换机械密封")));
    assert_eq!(seen("?draft=true", &ana).await, "更换密封圈", "a draft is nothing for readers");
    let second = verb(&desk, &second, "publish").await.expect(200).json();
    assert_eq!((found(&ana, "机械密封").await.len(), found(&ana, "泄压").await.len()), (1, 0));

    let gone = verb(&desk, &second, "withdraw").await.expect(200).json();
    assert!(gone["withdrawn_at"].is_string());
    assert_eq!(verb(&desk, &gone, "withdraw").await.problem(409), "not-published");
    assert_eq!(ana.get(&path).await.problem(404), "not-found");
    assert!(found(&desk, "机械密封").await.is_empty());
    assert_eq!(desk.get("/articles?state=withdrawn").await.expect(200).json()["items"][0]["title"], "更换机械密封");

    let third = desk.put(&path, 5, &text("更换机械密封", "再来一次。")).await.expect(200).json();
    let third = verb(&desk, &third, "publish").await.expect(200).json();
    assert_eq!((&third["published"], &third["withdrawn_at"]), (&json!(3), &Value::Null));
    let mut database = app.database().superuser().await;
    let texts: i64 = sqlx::query_scalar("select count(*) from article_text").fetch_one(&mut database).await.unwrap();
    assert_eq!(texts, 3, "whatever was written is there");
}

#[tokio::test]
async fn the_desk_writes_and_everybody_reads() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let (auditor, warehouse) =
        (app.tenant().person("aud", Role::Auditor).await, app.tenant().person("wes", Role::Warehouse).await);
    let public = published(&desk, "Pump seals", "Replace both.").await;
    let path = format!("/articles/{}", public["article_id"].as_str().unwrap());
    for who in [&ana, &auditor, &warehouse] {
        assert_eq!(who.get(&path).await.expect(200).json()["title"], "Pump seals");
        assert_eq!(found(who, "seal").await, ["Pump seals"]);
        assert_eq!(who.post("/articles", &text("x", "y")).await.problem(403), "forbidden");
        assert_eq!(who.put(&path, 2, &text("x", "y")).await.problem(403), "forbidden");
        assert_eq!(who.get("/articles?state=draft").await.problem(403), "forbidden");
        for done in ["publish", "withdraw"] {
            assert_eq!(verb(who, &public, done).await.problem(403), "forbidden");
        }
    }
    let customer = app.tenant().person("cus", Role::Customer).await;
    assert_eq!(search(&customer, "seal").await.problem(403), "forbidden");
    assert_eq!(app.admin().await.put(&path, 2, &text("x", "y")).await.expect(200).json()["draft"], 2);
}

#[tokio::test]
async fn what_is_no_article_is_refused_by_its_field() {
    let app = TestApp::start().await;
    let desk = app.dispatcher("dora").await;
    let with = |field: &str, value: Value| {
        let mut body = text("a title", "a body");
        body[field] = value;
        body
    };
    let long = "长".repeat(40_000);
    for (field, value) in [
        ("title", json!("")),
        ("title", json!("x".repeat(201))),
        ("title", json!("a\nb")),
        ("body", json!("  ")),
        ("body", json!(long)),
        ("body", json!("a\u{7}b")),
        ("language", json!("de")),
        ("kind", json!("poem")),
        ("tags", json!(["x".repeat(61)])),
        ("tags", json!((0..31).map(|n| n.to_string()).collect::<Vec<_>>())),
        ("ticket_types", json!(["no code at all"])),
        ("ticket_types", json!(["unknown-type"])),
    ] {
        let answer = desk.post("/articles", &with(field, value)).await;
        assert_eq!(answer.problem(422), "invalid-field", "{field}");
    }
    assert_eq!(desk.post("/articles", &with("colour", json!("red"))).await.status.as_u16() / 100, 4);
    assert_eq!(desk.post("/articles", &with("body", json!("x".repeat(2 << 20)))).await.status, 413);
    assert_eq!(desk.get("/articles?state=lost").await.problem(422), "invalid-field");
    assert_eq!(desk.get(&format!("/articles/{}", Uuid::nil())).await.problem(404), "not-found");
    assert_eq!(desk.get("/articles").await.expect(200).json()["items"], json!([]));

    let once = desk.post_once("/articles", "key-1", &text("once", "only")).await.expect(201).json();
    assert_eq!(desk.post_once("/articles", "key-1", &text("once", "only")).await.expect(201).json(), once);
}

#[tokio::test]
async fn search_finds_both_languages_and_takes_whatever_is_typed() {
    let app = TestApp::start().await;
    let desk = app.dispatcher("dora").await;
    for (title, body) in [
        ("更换水泵密封圈", "先关闭阀门并泄压,型号 KX-2040/B。"),
        ("Replacing the pump seal", "Close both valves first. See E04."),
        ("水泵不启动", "检查电源。密封圈无关。"),
        ("Compressor oil", "Drain it warm; the valve is at the bottom."),
    ] {
        published(&desk, title, body).await;
    }
    for (asked, expected) in [
        ("密封圈", &["更换水泵密封圈", "水泵不启动"][..]),
        ("关闭阀门", &["更换水泵密封圈"]),
        ("泄", &["更换水泵密封圈"]),
        ("ｋｘ２０４０ｂ", &["更换水泵密封圈"]),
        ("e04", &["Replacing the pump seal"]),
        ("VALVES", &["Compressor oil", "Replacing the pump seal"]),
        ("更换 pump", &["更换水泵密封圈", "Replacing the pump seal"]),
        ("轴承", &[]),
    ] {
        let mut found = found(&desk, asked).await;
        if asked == "VALVES" || asked == "更换 pump" {
            found.sort();
            let mut expected = expected.to_vec();
            expected.sort();
            assert_eq!(found, expected, "{asked}");
        } else {
            assert_eq!(found, expected, "{asked}");
        }
    }
    let hostile = [
        "",
        " ",
        "\"",
        "'",
        "%",
        "_",
        "*",
        "\\",
        "NEAR(a b)",
        "a AND",
        "-seal",
        "title:seal",
        "'; drop table article; --",
        "🔧",
        "{}",
        "&|!()<->",
        "seal:*",
        "\u{202e}",
        "((((((((((",
        "$1",
        "密封圈\"",
        "%00",
    ];
    for asked in hostile.map(str::to_owned).into_iter().chain(["x ".repeat(3_000), "密".repeat(3_000)]) {
        search(&desk, &asked).await.expect(200);
    }
    assert_eq!(found(&desk, "\"pump\" -seal*").await, ["Replacing the pump seal"]);

    let answer = search(&desk, "关闭阀门").await.expect(200).json();
    let parts = answer["items"][0]["snippet"].as_array().unwrap();
    let marked: Vec<_> = parts.iter().filter(|part| part["is_found"] == true).map(|part| &part["text"]).collect();
    assert_eq!(marked, ["关闭阀门"]);

    // Page by page it is the same as at once.
    let all = found(&desk, "水泵 密封圈").await;
    let (mut paged, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("q", "水泵 密封圈".to_owned()), ("limit", "1".to_owned())];
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let page = Answer::of(desk.request(Method::GET, "/articles/search").query(&query)).await.expect(200).json();
        paged.extend(page["items"].as_array().unwrap().iter().map(|item| plain(&item["title"])));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = Some(next.to_owned());
    }
    assert_eq!((paged, all.len()), (all, 2));
    let listed = desk.get("/articles?limit=3&tag=pump&language=zh").await.expect(200).json();
    assert_eq!((listed["items"].as_array().unwrap().len(), listed["next_cursor"].is_string()), (3, true));
}

#[tokio::test]
async fn a_tenant_finds_its_own_articles_alone_and_nobody_changes_a_text() {
    let app = TestApp::start().await;
    let rival = app.another_tenant("rival").await;
    let (desk, theirs) = (app.dispatcher("dora").await, rival.dispatcher("rita").await);
    published(&desk, "Our pump", "secret valve").await;
    published(&theirs, "Their pump", "other valve").await;
    assert_eq!(
        (found(&desk, "valve").await, found(&theirs, "valve").await),
        (vec!["Our pump".into()], vec!["Their pump".into()])
    );
    assert!(found(&theirs, "secret").await.is_empty());

    let database = app.database();
    let mut role = PgConnection::connect(&database.app_url()).await.expect("a connection as the server has it");
    let asked = "select count(*) from find_articles(array['valv'], 100)";
    let count = async |role: &mut PgConnection| sqlx::query_scalar::<_, i64>(asked).fetch_one(role).await.unwrap();
    assert_eq!(count(&mut role).await, 0, "no tenant, no rows");
    let set = format!("select set_config('app.tenant_id', '{}', false)", app.tenant().id);
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut role).await.unwrap();
    assert_eq!(count(&mut role).await, 1);
    for written in ["update article_text set body = 'x'", "delete from article_text", "delete from article"] {
        let refused = sqlx::query(written).execute(&mut role).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{written}: {refused}");
    }
}
