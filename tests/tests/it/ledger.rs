//! The door every change goes through, below the features: a ticket made and given at the desk, worked on a phone.

use std::collections::BTreeMap;

use callout_server::ledger::{By, Edit, LedgerError, NewTicket, Value};
use callout_server::platform::random::Random;
use callout_server::tenancy::TenantTx;
use callout_tests::{Actor, EnrolledDevice, TestApp};
use sync_core::command::{self, Author, Stamp, TicketView};
use sync_core::document::{Fact, GrantRole, Scalar};
use sync_core::ids::{FactId, Nonce, TicketId, UserId, VisitId};
use sync_core::policy::Role;
use sync_core::replica::{Arrived, Identity, Opening, Replica, Sight};
use sync_core::store::MemoryStore;
use sync_core::time::{DeviceTime, ServerTime, TimeWindow};
use sync_core::workflow::Status;

/// A ticket with one visit, made below the API.
async fn a_ticket(app: &TestApp) -> (TicketId, VisitId) {
    let (ledger, now) = (app.state().ledger.clone(), now(app));
    let new = NewTicket {
        ticket_type: "repair".into(),
        title: "Boiler is cold".into(),
        description: Some("Since this morning".into()),
        priority: 2,
        customer: None,
        site: None,
        asset: None,
        contact: None,
        respond_by: None,
        resolve_by: None,
        skills: BTreeMap::from([("gas".to_owned(), 2)]),
        duration_ms: 3_600_000,
        visits: vec![Some(TimeWindow::new(now, ServerTime(now.0 + 7_200_000)).expect("a window"))],
    };
    let made = app
        .tenant()
        .system()
        .transact(async move |tx: &mut TenantTx| ledger.create(tx, new, None, now).await)
        .await
        .expect("a ticket");
    (made.ticket, made.visits[0])
}

fn now(app: &TestApp) -> ServerTime {
    ServerTime(app.state().clock.now_ms())
}

async fn assign(app: &TestApp, ticket: TicketId, visit: VisitId, to: UserId) -> Result<(), LedgerError> {
    let (ledger, now, ctx) = (app.state().ledger.clone(), now(app), app.tenant().system());
    let (by, slot) = (By::caller(&ctx), TimeWindow::new(now, ServerTime(now.0 + 3_600_000)).expect("a slot"));
    ctx.transact(async move |tx: &mut TenantTx| {
        ledger.edit(tx, ticket, by, now, |desk| desk.assign(visit, to, GrantRole::Lead, Some(slot)).map(|_| ())).await
    })
    .await
}

struct Phone {
    owner: Actor,
    replica: Replica<MemoryStore>,
}

impl Phone {
    async fn of(owner: Actor, secret: u8) -> Self {
        let EnrolledDevice { id: device, signer, server_key, .. } = owner.enrol_device(secret).await;
        let identity = Identity { tenant: owner.tenant, device, user: owner.user };
        let opening = Opening {
            identity,
            role: Role::Engineer,
            server_keys: vec![server_key],
            app_version: "1.0.0".into(),
            session_nonce: Nonce(Random.bytes()),
        };
        let replica = Replica::open(MemoryStore::default(), Box::new(signer), opening).expect("a store");
        Self { owner, replica }
    }

    async fn sync(&mut self, app: &TestApp) -> Arrived {
        let now = DeviceTime(now(app).0);
        app.settle().await;
        let request = self.replica.poll_request(now).expect("a request").expect("none is under way");
        let answer = self
            .owner
            .request(reqwest::Method::POST, "/sync")
            .header("content-type", "application/vnd.callout.sync")
            .body(request)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
        let body = answer.bytes().await.expect("a body");
        self.replica.handle_reply(&body, now, Nonce(Random.bytes())).expect("our server's answer")
    }

    /// Syncs until news of the ticket comes: a feed row is read only when no older transaction is still running.
    async fn hears_of(&mut self, app: &TestApp, ticket: TicketId) {
        for _ in 0..600 {
            if self.sync(app).await.changed.contains(&ticket) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the phone never heard of {ticket}");
    }

    fn say(
        &mut self,
        app: &TestApp,
        ticket: TicketId,
        verb: impl FnOnce(&TicketView<'_>, &Author, Stamp) -> Result<Fact, command::Refusal>,
    ) -> FactId {
        let at = DeviceTime(now(app).0);
        let act = |sight: &Sight<'_>| {
            verb(&sight.ticket, &sight.author, sight.stamp(FactId::fresh(at.0, Random.bytes()), None))
        };
        self.replica.execute(ticket, at, act).expect("it may be said")
    }
}

#[tokio::test]
async fn a_ticket_worked_offline_is_merged_and_its_projections_rebuild_equal() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    let (ticket, visit) = a_ticket(&app).await;
    let mut phone = Phone::of(ana.clone(), 1).await;
    assert_eq!(phone.sync(&app).await.changed.len(), 0, "nothing is hers yet");
    assign(&app, ticket, visit, ana.user).await.expect("ana is free");
    phone.hears_of(&app, ticket).await;

    phone.say(&app, ticket, |view, author, stamp| command::accept(view, author, stamp, visit));
    phone.say(&app, ticket, |view, author, stamp| command::depart(view, author, stamp, visit));
    phone.say(&app, ticket, |view, author, stamp| command::check_in(view, author, stamp, visit));

    // Meanwhile the desk makes it urgent, and later somebody who had still seen the old priority changes it again.
    for (seen, to) in [(2, 1), (2, 3)] {
        let (ledger, at, ctx) = (app.state().ledger.clone(), now(&app), app.tenant().system());
        let (by, plain) = (By::caller(&ctx), |n| Some(Value::Plain(Scalar::Int(n))));
        let edit = Edit { path: "priority".into(), seen: plain(seen), to: plain(to) };
        let changed = ctx
            .transact(async move |tx: &mut TenantTx| {
                ledger.edit(tx, ticket, by, at, |desk| desk.set(std::slice::from_ref(&edit))).await
            })
            .await;
        assert!(changed.expect("an edit"));
    }

    let arrived = phone.sync(&app).await;
    assert_eq!((arrived.acknowledged, arrived.refused.len()), (3, 0));
    while !phone.replica.tickets().all(|ticket| ticket.priority == 3) {
        phone.hears_of(&app, ticket).await;
    }
    assert_eq!(phone.replica.status(DeviceTime(now(&app).0)).unsent, 0);
    let summary = phone.replica.tickets().next().expect("the ticket").clone();
    assert_eq!((summary.status, summary.priority, summary.has_reviews), (Status::OnSite, 3, true));

    let before = projections(&app, ticket).await;
    assert_eq!(before[0]["status"], "on_site");
    assert_eq!(before[0]["needs_review"], true);
    let ledger = app.state().ledger.clone();
    app.tenant()
        .system()
        .transact(async move |tx: &mut TenantTx| ledger.rebuild(tx, ticket).await)
        .await
        .expect("a rebuild");
    assert_eq!(projections(&app, ticket).await, before);
}

/// Every row that is derived from the ticket's document.
async fn projections(app: &TestApp, ticket: TicketId) -> Vec<serde_json::Value> {
    let mut superuser = app.database().superuser().await;
    let mut rows = Vec::new();
    for (table, order) in [
        ("ticket", "ticket_id"),
        ("visit", "visit_id"),
        ("assignment", "grant_id"),
        ("ticket_skill", "skill"),
        ("fact", "n"),
        ("evidence", "fact_id"),
        ("part_use", "fact_id"),
    ] {
        let query = format!("select to_jsonb(t) from {table} t where ticket_id = $1 order by {order}");
        let found: Vec<serde_json::Value> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .bind(ticket.0)
            .fetch_all(&mut superuser)
            .await
            .expect("the rows");
        rows.extend(found);
    }
    rows
}

#[tokio::test]
async fn nobody_is_booked_twice() {
    let app = TestApp::start().await;
    let ana = app.engineer("ana").await;
    let ((first, one), (second, two)) = (a_ticket(&app).await, a_ticket(&app).await);
    assign(&app, first, one, ana.user).await.expect("ana is free");
    let refused = assign(&app, second, two, ana.user).await;
    assert!(matches!(refused, Err(LedgerError::DoubleBooked)), "{refused:?}");
}
