//! Whose business it is.

use callout_tests::Actor;
use serde_json::json;

use super::area::{Area, no_skills};

async fn everything(actor: &Actor, visit: &str, assignment: &str, plan: &str, engineer: &str) -> Vec<u16> {
    let to = json!({ "engineer_id": engineer });
    let answers = [
        actor.get(&format!("/visits/{visit}/candidates")).await,
        actor.get(&format!("/visits/{visit}/suggestion")).await,
        actor.get(&format!("/assignments/{assignment}/explanation")).await,
        actor.get(&format!("/plans/{plan}")).await,
        actor.get(&format!("/plans/{plan}/visits")).await,
        actor.get(&format!("/plans/{plan}/left-for-later")).await,
        actor.get(&format!("/plans/{plan}/progress")).await,
        actor.post(&format!("/visits/{visit}/assignments"), &json!({})).await,
        actor.post(&format!("/visits/{visit}/assignments"), &to).await,
        actor.post(&format!("/assignments/{assignment}/reassign"), &to).await,
        actor.post(&format!("/assignments/{assignment}/decline"), &json!({})).await,
        actor.delete(&format!("/assignments/{assignment}")).await,
        actor.post(&format!("/plans/{plan}/accept"), &json!({})).await,
        actor.post(&format!("/plans/{plan}/cancel"), &json!({})).await,
    ];
    answers.iter().map(|answer| answer.status.as_u16()).collect()
}

#[tokio::test]
async fn a_stranger_finds_nothing_and_changes_nothing() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let wanted = area.visit((1.0, 0.0)).await;
    let made = area.assign(wanted, &ana).await;
    let plan = area.plan(json!({ "to": area.at(24.0) })).await;
    let (visit, assignment) = (wanted.visit.to_string(), made["assignment_id"].as_str().unwrap());
    let (plan, engineer) = (plan["plan_id"].as_str().unwrap(), ana.user.to_string());

    let globex = area.app.another_tenant("globex").await;
    let stranger = globex.dispatcher("sam").await;
    let told = everything(&stranger, &visit, assignment, plan, &engineer).await;
    assert_eq!(told, [404; 14]);
    assert_eq!(stranger.get("/suggestions").await.expect(200).json()["items"], json!([]));
    let nowhere = uuid::Uuid::from_u128(1).to_string();
    assert_eq!(everything(&stranger, &nowhere, &nowhere, &nowhere, &nowhere).await, told);
    assert_eq!(area.holders(wanted).await.len(), 1);

    // A plan of tickets that are somebody else's is a plan of nothing.
    let theirs = json!({ "to": area.at(24.0), "ticket_ids": [wanted.ticket.0] });
    let answer = stranger.post("/plans", &theirs).await.expect(201).json();
    assert_eq!((&answer["visits"], &answer["engineers"]), (&json!(0), &json!(0)));

    // Nor can one's own visit be given to somebody else's engineer.
    let own = area.visit_of(&globex, &stranger, (1.0, 0.0)).await;
    let answer =
        stranger.post(&format!("/visits/{}/assignments", own.visit), &json!({ "engineer_id": engineer })).await;
    assert_eq!(answer.json()["field"], "engineer_id", "{answer}");
}

#[tokio::test]
async fn engineers_do_not_dispatch_and_auditors_only_read() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let wanted = area.visit((1.0, 0.0)).await;
    let made = area.assign(wanted, &ana).await;
    let plan = area.plan(json!({ "to": area.at(24.0) })).await;
    let (visit, assignment) = (wanted.visit.to_string(), made["assignment_id"].as_str().unwrap());
    let (plan, engineer) = (plan["plan_id"].as_str().unwrap(), ana.user.to_string());
    assert_eq!(everything(&ana, &visit, assignment, plan, &engineer).await, [403; 14]);
    assert_eq!(ana.post("/plans", &json!({ "to": area.at(24.0) })).await.problem(403), "forbidden");

    let auditor = area.app.tenant().person("ada", callout_server::tenancy::Role::Auditor).await;
    let told = everything(&auditor, &visit, assignment, plan, &engineer).await;
    assert_eq!(told, [403, 404, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403, 403]);
    let nobody = auditor.with_token("x");
    assert_eq!(everything(&nobody, &visit, assignment, plan, &engineer).await, [401; 14]);
    assert_eq!(area.holders(wanted).await.len(), 1);
}
