//! Who could take a visit, and why the others cannot.

use serde_json::{Value, json};

use super::area::{Area, Asked, list, no_skills, skilled, time};

#[tokio::test]
async fn the_nearest_comes_first_and_every_score_is_the_sum_of_its_parts() {
    let area = Area::new().await;
    let ben = area.engineer("ben", (9.0, 0.0), no_skills()).await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let cai = area.engineer("cai", (0.0, 20.0), no_skills()).await;
    let seen = area.candidates(area.visit((0.0, 0.0)).await).await;

    let order: Vec<&Value> = list(&seen["candidates"]).iter().map(|one| &one["engineer_id"]).collect();
    assert_eq!(order, [&json!(ana.user.0), &json!(ben.user.0), &json!(cai.user.0)]);
    assert_eq!(list(&seen["candidates"])[0]["name"], "ana");
    for candidate in list(&seen["candidates"]) {
        let part = |name: &str| candidate["score"][name].as_i64().unwrap();
        let parts = ["travel_s", "load_s", "urgency_s", "preference_s", "skill_s", "parts_s", "change_s"];
        let sum: i64 = parts.into_iter().map(part).sum();
        assert_eq!(part("total_s"), sum);
        assert!(candidate["drive_s"].as_i64().unwrap() > 0);
        assert_eq!(time(&candidate["ends_at"]) - time(&candidate["starts_at"]), chrono::TimeDelta::hours(1));
        assert!(time(&candidate["starts_at"]) >= area.at(8.0));
    }
    assert_eq!((&seen["able"], &seen["passed_over"]), (&json!(3), &json!(0)));
}

#[tokio::test]
async fn everybody_who_cannot_come_is_named_with_the_reason() {
    let area = Area::new().await;
    let able = area.engineer("able", (5.0, 0.0), skilled(&[("lift", 3)])).await;
    let unskilled = area.engineer("unskilled", (0.1, 0.0), skilled(&[("gas", 5)])).await;
    let beginner = area.engineer("beginner", (0.2, 0.0), skilled(&[("lift", 1)])).await;
    let expired = json!([{ "skill": "lift", "level": 5, "expires_on": area.today() }]);
    let expired = area.engineer("expired", (0.3, 0.0), expired).await;
    let ill = area.engineer("ill", (0.4, 0.0), skilled(&[("lift", 3)])).await;
    area.time_off(&ill, 0.0, 24.0).await;
    let idle = area.recruit("idle", Some((0.5, 0.0)), skilled(&[("lift", 3)])).await;
    let nomad = area.recruit("nomad", None, skilled(&[("lift", 3)])).await;
    area.shift(&nomad, 8.0, 16.0).await;
    let late = area.recruit("late", Some((0.6, 0.0)), skilled(&[("lift", 3)])).await;
    area.shift(&late, 8.0, 10.0).await;
    let busy = area.engineer("busy", (0.7, 0.0), skilled(&[("lift", 3)])).await;
    let long = area.ask(Asked::at(area.site(Some((0.7, 0.0))).await).lasting_h(7.5)).await;
    area.assign(long, &busy).await;

    let asked = Asked::at(area.site(Some((0.0, 0.0))).await).needing("lift", 2);
    let asked = asked.starting_between(area.at(9.5), area.at(13.0));
    let seen = area.candidates(area.ask(asked).await).await;
    let candidates: Vec<&Value> = list(&seen["candidates"]).iter().map(|one| &one["engineer_id"]).collect();
    assert_eq!(candidates, [&json!(able.user.0)]);
    assert_eq!(seen["able"], 1);

    let refusal = |person: &callout_tests::Actor| {
        let id = json!(person.user.0);
        list(&seen["refused"]).iter().find(|one| one["engineer_id"] == id).unwrap().clone()
    };
    let skill = refusal(&unskilled);
    assert_eq!((&skill["rule"], &skill["skill"], &skill["needs"]), (&json!("skill"), &json!("lift"), &json!(2)));
    assert_eq!(skill.get("has"), None);
    assert_eq!((&refusal(&beginner)["rule"], &refusal(&beginner)["has"]), (&json!("skill"), &json!(1)));
    let certificate = refusal(&expired);
    assert_eq!((&certificate["rule"], &certificate["skill"]), (&json!("certificate"), &json!("lift")));
    assert_eq!(time(&certificate["expires_at"]), area.at(0.0), "it holds until its last day is over");
    assert_eq!(refusal(&ill)["rule"], "time_off");
    assert_eq!(refusal(&idle)["rule"], "shift");
    assert_eq!(refusal(&late)["rule"], "shift");
    assert_eq!(refusal(&nomad)["rule"], "no_home");
    assert_eq!(refusal(&busy)["rule"], "double_booking");
    let counts = json!({ "certificate": 1, "double_booking": 1, "no_home": 1, "shift": 2, "skill": 2, "time_off": 1 });
    assert_eq!(seen["refused_by_rule"], counts);
}

#[tokio::test]
async fn a_certificate_holds_until_the_day_is_over_where_the_site_is() {
    let area = Area::new().await;
    let tomorrow = area.today() + chrono::TimeDelta::days(1);
    let held = json!([{ "skill": "gas", "level": 2, "expires_on": tomorrow }]);
    area.engineer("ana", (0.0, 0.0), held).await;
    let ask = async |zone: &str| {
        let site = area.site_in(Some((1.0, 0.0)), zone).await;
        let asked = Asked::at(site).needing("gas", 2).starting_between(area.at(14.0), area.at(15.0));
        area.candidates(area.ask(asked).await).await
    };
    assert_eq!(ask("UTC").await["able"], 1);
    assert_eq!(ask("America/New_York").await["able"], 1);
    // In Shanghai the day after has begun at 16:00 UTC, in Auckland well before.
    assert_eq!(ask("Asia/Shanghai").await["able"], 1);
    assert_eq!(ask("Pacific/Auckland").await["refused_by_rule"], json!({ "certificate": 1 }));
}

#[tokio::test]
async fn work_that_is_booked_counts_as_load_and_as_where_somebody_is() {
    let area = Area::new().await;
    let (ana, ben) =
        (area.engineer("ana", (3.0, 0.0), no_skills()).await, area.engineer("ben", (3.0, 0.0), no_skills()).await);
    area.assign(area.visit((3.0, 0.0)).await, &ana).await;
    let next = area.candidates(area.visit((3.0, 0.1)).await).await;
    assert_eq!(list(&next["candidates"])[0]["engineer_id"], json!(ben.user.0), "who has nothing to do yet");

    let there = area.ask(Asked::at(area.site(Some((30.0, 0.0))).await).priority(5)).await;
    area.assign(there, &ben).await;
    let beside = area.candidates(area.ask(Asked::at(area.site(Some((30.0, 0.2))).await).priority(5)).await).await;
    assert_eq!(list(&beside["candidates"])[0]["engineer_id"], json!(ben.user.0), "who is there anyway");
}

#[tokio::test]
async fn a_site_that_is_not_located_has_no_candidates_yet() {
    let area = Area::new().await;
    area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let wanted = area.ask(Asked::at(area.site(None).await)).await;
    let asked = area.dora.get(&format!("/visits/{}/candidates", wanted.visit)).await;
    assert_eq!(asked.problem(409), "not-located");
    assert_eq!(area.try_assign(wanted, json!({})).await.problem(409), "not-located");
}

#[tokio::test]
async fn in_a_large_company_those_too_far_away_are_passed_over_and_the_best_is_found_all_the_same() {
    let area = Area::new().await;
    let mut database = area.app.database().superuser().await;
    let tenant = area.app.tenant().id;
    // 100 engineers within ten kilometres of the site, and 400 a hundred and ten kilometres to the north.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "insert into app_user (tenant_id, user_id, email, name, password_hash, role, locale, created_at)
         select '{tenant}', ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@many.example', 'n', 'x', 'engineer', 'en', now()
         from generate_series(1, 500) n"
    )))
    .execute(&mut database)
    .await
    .expect("many users");
    for n in 1..=500_i64 {
        let north = if n <= 100 { (n as f64) / 10.0 } else { 110.0 };
        let (lat, lon) = (40.70 + north / 111.2, -73.95);
        let cell = callout_server::directory::Position::new(lat, lon).expect("a position").cell();
        let id = uuid::Uuid::parse_str(&format!("00000000-0000-7000-8000-{n:012}")).expect("an id");
        sqlx::query(
            "with made as (
                insert into engineer (tenant_id, engineer_id, display_name, home_lat, home_lon, home_cell, created_at)
                values ($1, $2, 'n', $3, $4, $5, now())
             )
             insert into shift (tenant_id, shift_id, engineer_id, starts_at, ends_at) values ($1, $2, $2, $6, $7)",
        )
        .bind(tenant.0)
        .bind(id)
        .bind(lat)
        .bind(lon)
        .bind(cell)
        .bind(area.at(8.0))
        .bind(area.at(16.0))
        .execute(&mut database)
        .await
        .expect("an engineer");
    }
    let seen = area.candidates(area.visit((0.0, 0.0)).await).await;
    assert_eq!(list(&seen["candidates"])[0]["engineer_id"], "00000000-0000-7000-8000-000000000001");
    let passed_over = seen["passed_over"].as_u64().unwrap();
    assert!(passed_over >= 400, "{passed_over}");
    assert_eq!(seen["able"].as_u64().unwrap() + passed_over, 500);

    // Somebody far away is looked at if he is asked about.
    let far = "00000000-0000-7000-8000-000000000200";
    let wanted = area.visit((0.0, 0.0)).await;
    let asked =
        area.dora.get(&format!("/visits/{}/candidates?engineer_id={far}", wanted.visit)).await.expect(200).json();
    assert_eq!(list(&asked["candidates"]).last().unwrap()["engineer_id"], far);
}
