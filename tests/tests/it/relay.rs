//! The relay hands every event on, in order, whatever its consumers do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callout_server::ledger::outbox::{self, Event};
use callout_server::planning::PlanningError;
use callout_server::platform::shutdown::{ShutdownTrigger, shutdown};
use callout_server::tenancy::{TenantCtx, TenantTx};
use callout_server::workers::relay::{Consumer, PATIENT, Pace, Relay};
use callout_tests::{TestApp, TestTenant};
use serde_json::json;
use sqlx::Row as _;
use sync_core::ids::TenantId;
use sync_core::time::ServerTime;
use tokio::task::JoinHandle;

#[tokio::test]
async fn every_event_is_handed_on_once_and_in_order() {
    let app = TestApp::start().await;
    let heard = Heard::default();
    let relay = Running::start(&app, vec![heard.consumer("notes", |_| Ok(()))]);
    for n in 0..250 {
        write(app.tenant(), &format!("{n}")).await;
    }
    settled(&app, "notes").await;
    assert_eq!(heard.by(app.tenant().id), (0..250).map(|n| n.to_string()).collect::<Vec<_>>());
    relay.stop().await;
}

#[tokio::test]
async fn what_was_written_while_nobody_relayed_is_handed_on_later() {
    let app = TestApp::start().await;
    let heard = Heard::default();
    write(app.tenant(), "before").await;
    let relay = Running::start(&app, vec![heard.consumer("notes", |_| Ok(()))]);
    settled(&app, "notes").await;
    relay.stop().await;
    write(app.tenant(), "between").await;
    let relay = Running::start(&app, vec![heard.consumer("notes", |_| Ok(()))]);
    settled(&app, "notes").await;
    assert_eq!(heard.by(app.tenant().id), ["before", "between"]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_share_the_work_and_never_do_it_at_the_same_time() {
    let app = TestApp::start().await;
    let (heard, busy, clashes) = (Heard::default(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let consumer = || {
        let (heard, busy, clashes) = (heard.clone(), Arc::clone(&busy), Arc::clone(&clashes));
        Consumer::new("notes", move |ctx, delivery| {
            let (heard, busy, clashes) = (heard.clone(), Arc::clone(&busy), Arc::clone(&clashes));
            async move {
                if busy.swap(true, Ordering::SeqCst) {
                    clashes.fetch_add(1, Ordering::SeqCst);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                heard.note(&ctx, &delivery.kind);
                busy.store(false, Ordering::SeqCst);
                Ok::<_, std::io::Error>(())
            }
        })
    };
    let relays = [Running::start(&app, vec![consumer()]), Running::start(&app, vec![consumer()])];
    for n in 0..200 {
        write(app.tenant(), &format!("{n}")).await;
    }
    settled(&app, "notes").await;
    assert_eq!(heard.by(app.tenant().id), (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(clashes.load(Ordering::SeqCst), 0);
    for relay in relays {
        relay.stop().await;
    }
}

#[tokio::test]
async fn a_passing_failure_repeats_the_event_and_loses_nothing() {
    let app = TestApp::start().await;
    let heard = Heard::default();
    let relay = Running::start(
        &app,
        vec![heard.consumer("notes", |times| if times == 3 || times == 4 { Err("out of order") } else { Ok(()) })],
    );
    for kind in ["a", "b", "c", "d"] {
        write(app.tenant(), kind).await;
    }
    settled(&app, "notes").await;
    assert_eq!(heard.by(app.tenant().id), ["a", "b", "c", "c", "c", "d"]);
    assert_eq!(failures(&app).await, []);
    relay.stop().await;
}

#[tokio::test]
async fn a_poisonous_event_is_passed_over_and_holds_up_nobody_else() {
    let app = TestApp::start().await;
    app.expect_stuck_events();
    let other = app.another_tenant("other").await;
    let (heard, careful) = (Heard::default(), Heard::default());
    let poisoned = {
        let heard = heard.clone();
        Consumer::new("fragile", move |ctx: TenantCtx, delivery| {
            let heard = heard.clone();
            async move {
                heard.note(&ctx, &delivery.kind);
                assert_ne!(delivery.kind, "panics", "some consumers are careless");
                if delivery.kind == "fails" { Err(std::io::Error::other("cannot act on this")) } else { Ok(()) }
            }
        })
    };
    let relay = Running::start(&app, vec![poisoned, careful.consumer("careful", |_| Ok(()))]);
    for kind in ["fails", "panics", "good"] {
        write(app.tenant(), kind).await;
    }
    write(&other, "untouched").await;
    settled(&app, "fragile").await;
    settled(&app, "careful").await;
    let thrice = ["fails", "fails", "fails", "panics", "panics", "panics", "good"];
    assert_eq!(heard.by(app.tenant().id), thrice);
    assert_eq!(heard.by(other.id), ["untouched"]);
    assert_eq!(careful.by(app.tenant().id), ["fails", "panics", "good"]);
    let failed = failures(&app).await;
    assert_eq!(failed.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["fails", "panics"]);
    assert!(failed[0].1.contains("cannot act on this"), "{failed:?}");
    relay.stop().await;
}

/// Somebody holds a row for longer than anybody waits. That is no fault of the event.
#[tokio::test]
async fn an_event_is_not_passed_over_because_a_row_was_held_for_long() {
    let app = TestApp::start().await;
    let heard = Heard::default();
    let relay = Running::start(&app, vec![heard.waiting(4)]);
    for kind in ["waits", "good"] {
        write(app.tenant(), kind).await;
    }
    settled(&app, "notes").await;
    assert_eq!(heard.by(app.tenant().id), ["waits", "waits", "waits", "waits", "waits", "good"]);
    assert_eq!(failures(&app).await, []);
    relay.stop().await;
}

/// It is held for ever. What comes after it is not.
#[tokio::test]
async fn a_row_that_nobody_gives_back_holds_up_its_event_alone() {
    let app = TestApp::start().await;
    app.expect_stuck_events();
    let heard = Heard::default();
    let relay = Running::at(&app, vec![heard.waiting(3 * PATIENT as usize)], Duration::ZERO);
    for kind in ["waits", "good"] {
        write(app.tenant(), kind).await;
    }
    settled(&app, "notes").await;
    let heard = heard.by(app.tenant().id);
    assert_eq!(heard.iter().filter(|kind| *kind == "waits").count(), 3 * PATIENT as usize);
    assert_eq!(heard.last().map(String::as_str), Some("good"));
    assert_eq!(failures(&app).await.len(), 1);
    relay.stop().await;
}

#[tokio::test]
async fn a_consumer_that_hangs_is_given_up_after_its_time() {
    let app = TestApp::start().await;
    app.expect_stuck_events();
    let heard = Heard::default();
    let hangs = {
        let heard = heard.clone();
        Consumer::new("notes", move |ctx: TenantCtx, delivery| {
            let heard = heard.clone();
            async move {
                heard.note(&ctx, &delivery.kind);
                if delivery.kind == "hangs" {
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::io::Error>(())
            }
        })
    };
    let relay = Running::start(&app, vec![hangs]);
    write(app.tenant(), "hangs").await;
    write(app.tenant(), "good").await;
    settled(&app, "notes").await;
    assert_eq!(heard.by(app.tenant().id), ["hangs", "hangs", "hangs", "good"]);
    relay.stop().await;
}

#[tokio::test]
async fn the_lease_of_a_process_that_died_runs_out() {
    let app = TestApp::start().await;
    let heard = Heard::default();
    write(app.tenant(), "orphan").await;
    let tenant = app.tenant().id.0;
    let died = async move |tx: &mut TenantTx| {
        sqlx::query(
            "insert into relay_position (tenant_id, consumer, xid, serial, holder, held_until, attempts)
             values ($1, 'notes', 0, 0, gen_random_uuid(), clock_timestamp() + interval '600 ms', 0)",
        )
        .bind(tenant)
        .execute(&mut **tx)
        .await
    };
    app.tenant().system().transact(died).await.expect("a lease of somebody who died");
    let relay = Running::start(&app, vec![heard.consumer("notes", |_| Ok(()))]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(heard.by(app.tenant().id), Vec::<String>::new());
    settled(&app, "notes").await;
    assert_eq!(heard.by(app.tenant().id), ["orphan"]);
    relay.stop().await;
}

/// A relay of the test's own, impatient.
struct Running {
    stop: ShutdownTrigger,
    relay: JoinHandle<()>,
}

impl Running {
    fn start(app: &TestApp, consumers: Vec<Consumer>) -> Self {
        Self::at(app, consumers, Duration::from_millis(20))
    }

    fn at(app: &TestApp, consumers: Vec<Consumer>, back_off: Duration) -> Self {
        let state = app.state();
        let pace = Pace {
            poll: Duration::from_millis(100),
            lease: Duration::from_secs(5),
            patience: Duration::from_millis(500),
            back_off,
            attempts: 3,
        };
        let relay = Relay::new(state, consumers, pace);
        let (stop, stopping) = shutdown();
        Self { relay: tokio::spawn(Arc::new(relay).run(stopping)), stop }
    }

    async fn stop(self) {
        self.stop.announce();
        tokio::time::timeout(Duration::from_secs(5), self.relay).await.expect("it stops").expect("no panic");
    }
}

/// What a consumer has been told, tenant by tenant.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<HashMap<TenantId, Vec<String>>>>);

impl Heard {
    fn note(&self, ctx: &TenantCtx, kind: &str) {
        self.0.lock().expect("no panic").entry(ctx.tenant()).or_default().push(kind.to_owned());
    }

    fn by(&self, tenant: TenantId) -> Vec<String> {
        self.0.lock().expect("no panic").get(&tenant).cloned().unwrap_or_default()
    }

    /// A consumer that takes note, and the first few times waits in vain for a row.
    fn waiting(&self, in_vain: usize) -> Consumer {
        let (heard, times) = (self.clone(), Arc::new(AtomicUsize::new(0)));
        Consumer::new("notes", move |ctx: TenantCtx, delivery| {
            let (heard, times) = (heard.clone(), times.fetch_add(1, Ordering::SeqCst));
            async move {
                heard.note(&ctx, &delivery.kind);
                let wait = async move |tx: &mut TenantTx| {
                    let held = "do $$ begin raise exception 'held' using errcode = 'lock_not_available'; end $$";
                    if times < in_vain {
                        sqlx::raw_sql(held).execute(&mut **tx).await.map(drop)?
                    }
                    Ok::<_, PlanningError>(())
                };
                ctx.transact(wait).await
            }
        })
    }

    /// A consumer that takes note, and answers by how many times it has been asked.
    fn consumer(&self, name: &'static str, answer: fn(usize) -> Result<(), &'static str>) -> Consumer {
        let (heard, times) = (self.clone(), Arc::new(AtomicUsize::new(0)));
        Consumer::new(name, move |ctx: TenantCtx, delivery| {
            let (heard, times) = (heard.clone(), times.fetch_add(1, Ordering::SeqCst) + 1);
            async move {
                heard.note(&ctx, &delivery.kind);
                answer(times)
            }
        })
    }
}

async fn write(tenant: &TestTenant, kind: &str) {
    // The kind is static in the product, where each is a word of ours.
    let kind: &'static str = kind.to_owned().leak();
    let append = async move |tx: &mut TenantTx| {
        let now = ServerTime(callout_server::platform::clock::Clock::system().now_ms());
        outbox::append(tx, &Event { kind, ticket: None, user: None, payload: json!({}) }, now).await
    };
    tenant.system().transact(append).await.expect("an event");
}

/// Waits until this consumer has handled everything.
async fn settled(app: &TestApp, consumer: &str) {
    let lag = async || app.state().tenancy.relay_lag_s(consumer, app.state().clock.now()).await.expect("the lag");
    let settle = async {
        while lag().await.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), settle).await.expect("everything is handed on");
}

async fn failures(app: &TestApp) -> Vec<(String, String)> {
    let mut superuser = app.database().superuser().await;
    let rows = sqlx::query("select kind, error from relay_failure order by xid, serial");
    let rows = rows.fetch_all(&mut superuser).await.expect("the failures");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
