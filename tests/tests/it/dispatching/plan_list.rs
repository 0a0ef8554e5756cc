//! The plans of a tenant: looked through, and forgotten when nobody wanted them.

use std::time::Duration;

use callout_server::workers::forget_of_tenants;
use serde_json::{Value, json};
use uuid::Uuid;

use super::area::{Area, list, no_skills};

const DAY: Duration = Duration::from_secs(86_400);

async fn page(area: &Area, query: &str) -> Value {
    area.dora.get(&format!("/plans{query}")).await.expect(200).json()
}

fn ids(page: &Value) -> Vec<Value> {
    list(&page["items"]).iter().map(|plan| plan["plan_id"].clone()).collect()
}

#[tokio::test]
async fn plans_are_listed_the_latest_first() {
    let area = Area::new().await;
    area.engineer("ana", (0.0, 0.0), no_skills()).await;
    assert_eq!(page(&area, "").await, json!({ "items": [], "next_cursor": null }));
    area.visit((1.0, 0.0)).await;
    let days = json!({ "from": area.at(0.0), "to": area.at(24.0), "draft": true });
    let (first, second) = (area.plan(days.clone()).await, area.plan(days).await);
    let third = area.plan(json!({ "from": area.at(0.0), "to": area.at(24.0) })).await;

    let latest = page(&area, "?limit=2").await;
    assert_eq!(ids(&latest), [third["plan_id"].clone(), second["plan_id"].clone()]);
    let rest = page(&area, &format!("?limit=2&cursor={}", latest["next_cursor"].as_str().expect("more"))).await;
    assert_eq!((ids(&rest), &rest["next_cursor"]), (vec![first["plan_id"].clone()], &Value::Null));
    for (listed, plan) in list(&latest["items"]).iter().zip([&third, &second]) {
        for field in ["state", "progress", "failure", "ordered_by", "ordered_at", "from", "to", "draft", "replan"] {
            assert_eq!(listed[field], plan[field], "{field}");
        }
        assert_eq!((&listed["visits"], &listed["assigned"]), (&json!(1), &json!(1)));
        assert_eq!((&listed["left_for_later"], &listed["finished_at"]), (&json!(0), &plan["finished_at"]));
    }
    assert_eq!(ids(&page(&area, "?state=applied").await), [third["plan_id"].clone()]);
    assert_eq!(ids(&page(&area, "?state=drafted&limit=1").await), [second["plan_id"].clone()]);

    assert_eq!(area.dora.get("/plans?state=lost").await.problem(400), "invalid-query");
    assert_eq!(area.dora.get("/plans?cursor=00").await.problem(422), "invalid-field");
    let stranger = area.app.another_tenant("globex").await.dispatcher("sam").await;
    assert_eq!(stranger.get("/plans").await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn what_nobody_wanted_is_forgotten_a_month_after_its_days() {
    let area = Area::new().await;
    area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let near = area.visit((1.0, 0.0)).await;
    area.visit((2.0, 0.0)).await;
    let days = json!({ "from": area.at(0.0), "to": area.at(24.0), "draft": true });
    let (unused, accepted) = (area.plan(days.clone()).await, area.plan(days).await);
    let path = format!("/plans/{}/accept", accepted["plan_id"].as_str().expect("an id"));
    area.dora.post(&path, &json!({ "visit_ids": [near.visit.0] })).await.expect(200);
    let applied = area.plan(json!({ "from": area.at(0.0), "to": area.at(24.0) })).await;
    assert_eq!(applied["assigned"], 1);
    let id = |plan: &Value| plan["plan_id"].as_str().expect("an id").parse::<Uuid>().expect("an id");
    let mut database = area.app.database().superuser().await;
    let mut kept = async || -> Vec<Uuid> {
        let kept = "select plan_run_id from plan_run order by plan_run_id";
        sqlx::query_scalar(kept).fetch_all(&mut database).await.expect("the plans")
    };

    area.app.advance(DAY * 20);
    assert_eq!(forget_of_tenants(area.app.state()).await.expect("a round"), 0);
    assert_eq!(kept().await, [id(&unused), id(&accepted), id(&applied)]);
    area.app.advance(DAY * 15);
    assert_eq!(forget_of_tenants(area.app.state()).await.expect("a round"), 1);
    assert_eq!(kept().await, [id(&accepted), id(&applied)], "what assigned something stays, it explains why");
    assert_eq!(forget_of_tenants(area.app.state()).await.expect("a round"), 0);
    let rows = "select (select count(*) from planned_visit where plan_run_id = $1)
        + (select count(*) from left_for_later where plan_run_id = $1)";
    let left: i64 = sqlx::query_scalar(rows).bind(id(&unused)).fetch_one(&mut database).await.expect("a count");
    assert_eq!(left, 0);
}
