//! The log of a day, closed under one signed hash: whoever rewrites it afterwards, the owner of the database too, is found.

use std::io::Cursor;

use callout_server::evidence::verify::{Report, verify};
use callout_server::ledger::root::{DayLeaf, DayRoot, last_to_close};
use callout_server::platform::postgres::LogIn;
use callout_server::tenancy::Role;
use callout_server::workers::close_days;
use callout_tests::{Actor, TestApp, Visit};
use chrono::{Days, NaiveDate, TimeDelta};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};
use sync_core::ids::{ServerEpoch, Sha256Hash, TenantId, TicketId};
use sync_core::merkle;
use sync_core::time::ServerTime;
use uuid::Uuid;

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// The server's clock goes on to shortly after midnight, and what is over is closed.
async fn next_day(app: &TestApp) {
    app.settle().await;
    pass_midnight(app);
    close_days(app.state()).await.expect("closed");
}

fn pass_midnight(app: &TestApp) {
    let now = app.clock().now();
    let midnight = (now.date_naive() + Days::new(1)).and_time(chrono::NaiveTime::MIN).and_utc();
    app.advance((midnight + TimeDelta::minutes(20) - now).to_std().expect("a time to come"));
}

/// Everybody signs in again: a day has gone by.
async fn auditor(app: &TestApp, name: &str) -> Actor {
    app.tenant().person(name, Role::Auditor).await
}

async fn report(app: &TestApp, who: &Actor, visit: Visit) -> Report {
    let file = who.get(&format!("/tickets/{}/evidence", visit.ticket)).await.expect(200).body;
    verify(Cursor::new(file), Some(app.state().signer.public_key())).expect("an evidence file")
}

fn faults(report: &Report) -> Vec<String> {
    report.checks.iter().flat_map(|check| check.faults.clone()).collect()
}

async fn roots(who: &Actor) -> Vec<Value> {
    let (mut roots, mut path) = (Vec::new(), "/audit/roots?limit=2".to_owned());
    loop {
        let page = who.get(&path).await.expect(200).json();
        roots.extend(page["items"].as_array().expect("items").clone());
        let Some(next) = page["next_cursor"].as_str() else { return roots };
        path = format!("/audit/roots?limit=2&cursor={next}");
    }
}

/// A ticket on which something was done on two days, and the roots of four.
async fn scene() -> (TestApp, Visit, Visit) {
    let app = TestApp::start().await;
    let desk = app.dispatcher("dora").await;
    let (visit, other) = (desk.new_visit().save().await, desk.new_visit().save().await);
    desk.edit(visit, "priority", json!(3), json!(2)).await;
    desk.edit(other, "priority", json!(3), json!(2)).await;
    next_day(&app).await;
    // A day without anything.
    next_day(&app).await;
    let desk = app.tenant().sign_in_again(&desk).await;
    desk.edit(visit, "priority", json!(2), json!(1)).await;
    desk.edit(visit, "title", json!("No heat"), json!("No heat at all")).await;
    next_day(&app).await;
    next_day(&app).await;
    (app, visit, other)
}

#[tokio::test]
async fn each_day_has_a_signed_root_that_names_the_one_before_and_covers_the_days_changes() {
    let (app, visit, other) = scene().await;
    let auditor = auditor(&app, "ada").await;
    let listed = roots(&auditor).await;
    let figures: Vec<(i64, i64)> =
        listed.iter().map(|root| (root["leaves"].as_i64().unwrap(), root["changes"].as_i64().unwrap())).collect();
    assert_eq!(figures, [(2, 4), (0, 0), (1, 2), (0, 0)]);
    assert_eq!(listed[1]["root"], Sha256Hash::of(b"").to_string());
    assert_eq!(listed[0]["previous"], "0".repeat(64));
    let days: Vec<NaiveDate> = listed.iter().map(|root| root["day"].as_str().unwrap().parse().unwrap()).collect();
    assert!(days.windows(2).all(|pair| pair[0] + Days::new(1) == pair[1]), "{days:?}");

    for (visit, covered) in [(visit, 4), (other, 2)] {
        let report = report(&app, &auditor, visit).await;
        assert!(report.holds() && report.notes.is_empty(), "{report}");
        let counts: Vec<usize> = report.checks[report.checks.len() - 2..].iter().map(|check| check.count).collect();
        assert_eq!(counts, [4, covered], "{report}");
    }
    // What is done today is of a day that is not over, and no fault.
    let desk = app.dispatcher("dee").await;
    desk.edit(visit, "priority", json!(1), json!(3)).await;
    let today = report(&app, &auditor, visit).await;
    assert!(today.holds() && today.notes == ["1 changes are of a day whose root is not out yet"], "{today}");
    for role in [Role::Dispatcher, Role::Engineer, Role::Warehouse, Role::Customer] {
        let person = app.tenant().person(role.as_str(), role).await;
        person.get("/audit/roots").await.expect(403);
    }
}

/// The root over the leaves that are listed for a day.
async fn computed(who: &Actor, day: &Value) -> (Vec<Uuid>, String) {
    let (mut tickets, mut hashes) = (Vec::new(), Vec::new());
    let (day, mut cursor) = (day.as_str().expect("a day"), String::new());
    loop {
        let page = who.get(&format!("/audit/roots/{day}/leaves?limit=1{cursor}")).await.expect(200).json();
        for leaf in page["items"].as_array().expect("items") {
            let number = |name: &str| leaf[name].as_u64().expect("a number");
            let ticket = TicketId(callout_tests::uuid_of(&leaf["ticket_id"]));
            let link = callout_tests::unhex(leaf["link"].as_str().expect("a link"));
            let link = Sha256Hash::from_slice(&link).unwrap_or(Sha256Hash([0; 32]));
            let (from_version, to_version) = (number("from_version"), number("to_version"));
            hashes.push(DayLeaf { ticket, from_version, to_version, link }.hash());
            tickets.push(ticket.0);
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    (tickets, merkle::root(&hashes).to_string())
}

#[tokio::test]
async fn whoever_has_the_root_finds_out_that_a_whole_ticket_is_gone() {
    let (app, visit, other) = scene().await;
    let auditor = auditor(&app, "ada").await;
    let roots = roots(&auditor).await;
    for root in &roots {
        assert_eq!(root["root"], computed(&auditor, &root["day"]).await.1);
    }
    let mut database = app.database().superuser().await;
    for table in ["ticket_change", "ticket_document", "ticket", "fact", "visit", "outbox", "feed", "ticket_scope"] {
        let gone = AssertSqlSafe(format!("delete from {table} where ticket_id = $1"));
        sqlx::query(gone).bind(other.ticket.0).execute(&mut database).await.expect("gone");
    }
    assert!(report(&app, &auditor, visit).await.holds(), "the others have nothing to do with it");
    auditor.get(&format!("/tickets/{}/evidence", other.ticket)).await.expect(404);
    let (listed, root) = computed(&auditor, &roots[0]["day"]).await;
    assert!(listed.contains(&other.ticket.0) && roots[0]["root"] == root, "it was there on that day");
    let leaf = "delete from log_leaf where ticket_id = $1";
    sqlx::query(leaf).bind(other.ticket.0).execute(&mut database).await.expect("gone");
    let (listed, root) = computed(&auditor, &roots[0]["day"]).await;
    assert!(!listed.contains(&other.ticket.0) && roots[0]["root"] != root, "and without its leaf the root is another");
    auditor.get("/audit/roots/1999-12-31/leaves").await.expect(404);
}

#[tokio::test]
async fn a_ticket_of_today_has_no_root_yet_and_its_evidence_says_so() {
    let app = TestApp::start().await;
    let visit = app.dispatcher("dora").await.new_visit().save().await;
    assert_eq!(close_days(app.state()).await.expect("nothing to close"), 0);
    let auditor = auditor(&app, "ada").await;
    let report = report(&app, &auditor, visit).await;
    assert!(report.holds() && report.notes.len() == 1, "{report}");
    assert!(report.to_string().contains("note   no root covers these changes yet"), "{report}");
}

#[tokio::test]
async fn two_processes_close_a_day_once() {
    let app = TestApp::start().await;
    app.dispatcher("dora").await.new_visit().save().await;
    let rival = app.another_tenant("rival").await;
    rival.dispatcher("dan").await.new_visit().save().await;
    let second = app.another_process().await;
    app.settle().await;
    app.advance(2 * DAY);
    let (one, other) = tokio::join!(close_days(app.state()), close_days(second.state()));
    // Whoever came second to one day leaves those after it to the next round.
    let closed = one.expect("closed") + other.expect("closed") + close_days(app.state()).await.expect("closed");
    let mut database = app.database().superuser().await;
    let days: i64 = sqlx::query_scalar("select count(*) from log_root").fetch_one(&mut database).await.expect("days");
    assert!(days >= 4 && i64::try_from(closed).unwrap() <= days, "{closed} of {days}");
    assert_eq!(close_days(app.state()).await.expect("closed"), 0);
    let chains = "select count(*) from log_root where previous = decode(repeat('00', 32), 'hex')";
    let chains: i64 = sqlx::query_scalar(chains).fetch_one(&mut database).await.expect("beginnings");
    assert_eq!(chains, 2, "each company's roots are one chain");
    let last: NaiveDate =
        sqlx::query_scalar("select min(last) from (select max(day) as last from log_root group by tenant_id) days")
            .fetch_one(&mut database)
            .await
            .expect("the last day");
    assert_eq!(last, last_to_close(app.clock().now()));
    second.stop().await;
}

#[tokio::test]
async fn what_commits_late_or_bears_an_earlier_time_is_of_a_later_day() {
    let app = TestApp::start().await;
    let desk = app.dispatcher("dora").await;
    let (visit, late) = (desk.new_visit().save().await, desk.new_visit().save().await);
    app.settle().await;
    let mut slow = app.database().superuser().await;
    // Begun today, and still open when the day is closed.
    sqlx::raw_sql("begin").execute(&mut slow).await.expect("begun");
    sqlx::query("select pg_current_xact_id()").execute(&mut slow).await.expect("a number");
    desk.edit(visit, "priority", json!(3), json!(2)).await;
    pass_midnight(&app);
    close_days(app.state()).await.expect("closed");
    // The edit was committed behind the open transaction: nobody can say yet that nothing comes before it.
    assert_eq!(figures(&app).await, [(2, 2)]);
    sqlx::raw_sql("commit").execute(&mut slow).await.expect("committed");
    next_day(&app).await;
    assert_eq!(figures(&app).await, [(2, 2), (1, 1)], "the closed day is as it was, the rest is of the next");
    let auditor = auditor(&app, "ada").await;
    for visit in [visit, late] {
        let report = report(&app, &auditor, visit).await;
        assert!(report.holds() && report.notes.is_empty(), "{report}");
    }
}

async fn figures(app: &TestApp) -> Vec<(i64, i64)> {
    let mut database = app.database().superuser().await;
    let days = sqlx::query_as("select leaves, changes from log_root order by day").fetch_all(&mut database).await;
    days.expect("the days")
}

/// Makes the chain of a ticket whole again after it was tampered with, as somebody would who has the code.
async fn forge_chain(database: &mut PgConnection, ticket: TicketId) {
    let rows = "select version, hash, user_id, device_id, received_at from ticket_change where ticket_id = $1 order by version";
    let rows = sqlx::query(rows).bind(ticket.0).fetch_all(&mut *database).await.expect("the changes");
    let mut link = Sha256Hash::of(ticket.as_bytes());
    for row in rows {
        let hash = Sha256Hash::from_slice(row.get("hash")).expect("a hash");
        let received: chrono::DateTime<chrono::Utc> = row.get("received_at");
        let (user, device) =
            (row.get::<Option<uuid::Uuid>, _>("user_id"), row.get::<Option<uuid::Uuid>, _>("device_id"));
        let (user, device) = (user.map(sync_core::ids::UserId), device.map(sync_core::ids::DeviceId));
        link = callout_server::ledger::chain_link(link, hash, user, device, ServerTime(received.timestamp_millis()));
        let update = "update ticket_change set chain_hash = $3 where ticket_id = $1 and version = $2";
        let version: i64 = row.get("version");
        sqlx::query(update)
            .bind(ticket.0)
            .bind(version)
            .bind(link.0.to_vec())
            .execute(&mut *database)
            .await
            .expect("forged");
    }
}

#[tokio::test]
async fn who_rewrites_a_closed_day_is_found_even_with_the_chain_made_whole_again() {
    let (app, visit, _) = scene().await;
    let auditor = auditor(&app, "ada").await;
    let mut database = app.database().superuser().await;
    let tampered = [
        (
            "edited",
            "update ticket_change set received_at = received_at + interval '1 second' where ticket_id = $1 and version = 3",
            "changes 3 to 4 are not those",
        ),
        (
            "an older one edited",
            "update ticket_change set user_id = gen_random_uuid() where ticket_id = $1 and version = 1",
            "changes 1 to 2 are not those",
        ),
        (
            "cut off at the end",
            "delete from ticket_change where ticket_id = $1 and version = 4",
            "covers change 4, which is not here",
        ),
        (
            "taken out of the middle",
            "with gone as (delete from ticket_change where ticket_id = $1 and version = 3) update ticket_change set version = 30 where ticket_id = $1 and version = 4",
            "covers change 4, which is not here",
        ),
        (
            "put in another order",
            "update ticket_change set version = case version when 3 then 40 else 30 end where ticket_id = $1 and version in (3, 4)",
            "changes 3 to 4 are not those",
        ),
        (
            "a leaf taken out",
            "delete from log_leaf where ticket_id = $1 and to_version = 4",
            "is under no root up to that of",
        ),
        (
            "the leaf of another ticket rewritten",
            "update log_leaf set link = $$x$$ where ticket_id <> $1",
            "changes 1 to 2 are not those",
        ),
        (
            "a root rewritten",
            "update log_root set changes = changes + 1 where tenant_id = (select tenant_id from ticket_document where ticket_id = $1) and leaves = 1",
            "is not signed by the server",
        ),
        (
            "a root taken out",
            "delete from log_root where tenant_id = (select tenant_id from ticket_document where ticket_id = $1) and day = (select min(day) + 1 from log_root)",
            "does not name the one of the day before",
        ),
    ];
    for (what, tamper, expected) in tampered {
        let mut kept = Vec::new();
        for table in ["ticket_change", "log_leaf", "log_root"] {
            let keep = format!("create table kept_{table} as select * from {table}");
            sqlx::query(AssertSqlSafe(keep)).execute(&mut database).await.expect("kept");
            kept.push(table);
        }
        sqlx::query(tamper)
            .bind(visit.ticket.0)
            .execute(&mut database)
            .await
            .unwrap_or_else(|why| panic!("{what}: {why}"));
        for (from, to) in [(30, 3), (40, 4)] {
            let settle = "update ticket_change set version = $3 where ticket_id = $1 and version = $2";
            sqlx::query(settle)
                .bind(visit.ticket.0)
                .bind(from)
                .bind(to)
                .execute(&mut database)
                .await
                .expect("renumbered");
        }
        forge_chain(&mut database, visit.ticket).await;
        let found = faults(&report(&app, &auditor, visit).await);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{what}: {found:#?}");
        for table in ["log_leaf", "ticket_change", "log_root"] {
            sqlx::query(AssertSqlSafe(format!("delete from {table}"))).execute(&mut database).await.expect("emptied");
        }
        for table in ["log_root", "log_leaf", "ticket_change"] {
            for again in [format!("insert into {table} select * from kept_{table}"), format!("drop table kept_{table}")]
            {
                sqlx::query(AssertSqlSafe(again)).execute(&mut database).await.expect("as it was");
            }
        }
        assert!(report(&app, &auditor, visit).await.holds(), "{what}: as it was");
    }
}

#[tokio::test]
async fn the_server_itself_cannot_change_a_closed_day() {
    let (app, _, _) = scene().await;
    for table in ["log_root", "log_leaf"] {
        for change in
            [format!("update {table} set day = day"), format!("delete from {table}"), format!("truncate {table}")]
        {
            let mut database = app.database().connect_options(LogIn::App).connect().await.expect("the server's role");
            let refused = sqlx::query(AssertSqlSafe(change.clone())).execute(&mut database).await;
            assert!(refused.is_err_and(|why| why.to_string().contains("permission denied")), "{change}");
        }
    }
}

#[test]
fn a_proof_stays_short_on_a_day_of_many_tickets() {
    let leaf = |n: u128| DayLeaf {
        ticket: TicketId(uuid::Uuid::from_u128(n)),
        from_version: 1,
        to_version: 20,
        link: Sha256Hash([7; 32]),
    };
    for (tickets, steps) in [(1_000, 10), (100_000, 17)] {
        let leaves: Vec<Sha256Hash> = (0..tickets).map(|n| leaf(n).hash()).collect();
        let path = merkle::path(&leaves, leaves.len() / 2).expect("a path");
        assert!(path.len() <= steps, "{} steps", path.len());
        let root = merkle::climb(leaves[leaves.len() / 2], leaves.len() as u64 / 2, leaves.len() as u64, &path);
        assert_eq!(root, Some(merkle::root(&leaves)));
    }
}

/// What was signed and published is checked for ever.
#[test]
fn what_is_signed_of_a_day_does_not_change() {
    let id = uuid::Uuid::from_u128;
    let root = DayRoot {
        tenant: TenantId(id(1)),
        day: "2026-11-22".parse().expect("a day"),
        leaves: 2,
        changes: 5,
        root: Sha256Hash([3; 32]),
        previous: Sha256Hash([4; 32]),
        server_epoch: ServerEpoch(id(5)),
        closed_at: ServerTime(6),
    };
    let leaf = DayLeaf { ticket: TicketId(id(7)), from_version: 1, to_version: 2, link: Sha256Hash([8; 32]) };
    let digests = [root.hash(), leaf.hash()].map(|hash| hash.to_string()[..16].to_owned());
    assert_eq!(digests, ["01357c1e154ebb1f", "364d62d84bc3d89e"]);
}
