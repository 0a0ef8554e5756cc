//! The live stream: complete, in order, each to his own.

use std::time::Duration;

use callout_server::ledger::feed::Position;
use callout_server::ledger::outbox::{self, Event};
use callout_server::platform::clock::Clock;
use callout_server::tenancy::{Role, SystemEntry, TenantCtx, TenantTx};
use callout_tests::{Actor, EventParser, LiveStream, TestApp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use sqlx::{Connection, Row as _};
use sync_core::ids::{TicketId, UserId};
use sync_core::time::ServerTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use crate::positions::{engineer_on_shift, fix, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_on_one_database_with_8_writers_and_a_reader_that_must_never_miss_a_feed_row() {
    let app = TestApp::start().await;
    let other = app.another_process().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let dan = app.dispatcher("dan").await;
    let begin = dan.watch(None).await.last_id().to_owned();

    let system = app.tenant().system();
    let beside = other.state().tenancy.system(app.tenant().id, SystemEntry::CommandLine);
    let writers = (0..8_u64).map(|n| {
        let ctx = if n % 2 == 0 { system.clone() } else { beside.clone() };
        tokio::spawn(write_out_of_order(ctx, n, app.state().clock.clone()))
    });
    let writers: Vec<_> = writers.collect();
    let moves = {
        let (ana, app_clock) = (ana.at(&other), app.state().clock.clone());
        tokio::spawn(async move {
            for n in 0..40 {
                let now = app_clock.now();
                send(&ana, now, &[fix(now, 0, 40.7 + f64::from(n) * 0.0001)]).await.expect(200);
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        })
    };
    // The reader changes servers and hangs up all the time, in the middle of everything.
    let (finish, mut finished) = tokio::sync::watch::channel(None::<String>);
    let reader = tokio::spawn(async move {
        let mut random = StdRng::seed_from_u64(7);
        let mut seen: Vec<String> = Vec::new();
        let mut after = begin;
        loop {
            let here = if random.random_bool(0.5) { dan.clone() } else { dan.at(&other) };
            let mut stream = here.watch(Some(&after)).await;
            for _ in 0..random.random_range(1..30) {
                let last = finished.borrow_and_update().clone();
                if last.as_ref().is_some_and(|last| seen.last() == Some(last)) {
                    return (seen, other);
                }
                tokio::select! {
                    event = stream.next() => seen.push(event.expect("an event and not the end").id),
                    _ = finished.changed() => {}
                }
            }
            stream.last_id().clone_into(&mut after);
        }
    });
    for writer in writers {
        writer.await.expect("a writer");
    }
    moves.await.expect("the engineer who moves");
    let written = everything_written(&app).await;
    finish.send_replace(written.last().cloned());
    let (seen, other) =
        tokio::time::timeout(Duration::from_secs(30), reader).await.expect("in time").expect("the reader");
    assert!(written.len() > 8 * 40 + 40, "{}", written.len());
    let missed: Vec<_> = written.iter().filter(|id| !seen.contains(id)).collect();
    assert_eq!(missed, Vec::<&String>::new(), "missed of {}", written.len());
    let begins_to_differ = seen.iter().zip(&written).position(|(seen, written)| seen != written);
    assert_eq!((begins_to_differ, seen.len()), (None, written.len()), "every row once, in order");
    other.stop().await;
}

/// Transactions of all lengths, some rolled back, so that they end in another order than they began.
async fn write_out_of_order(ctx: TenantCtx, seed: u64, clock: Clock) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..50 {
        let events = random.random_range(1..4);
        let open_for = match random.random_range(0..10) {
            0 => Duration::from_millis(random.random_range(100..300)),
            _ => Duration::from_millis(random.random_range(0..20)),
        };
        let is_refused = random.random_bool(0.1);
        let now = ServerTime(clock.now_ms());
        let wrote = ctx
            .transact(async move |tx: &mut TenantTx| {
                for _ in 0..events {
                    happen(tx, "ticket.changed", None, now).await;
                    tokio::time::sleep(open_for / events).await;
                }
                if is_refused { Err(sqlx::Error::RowNotFound) } else { Ok(()) }
            })
            .await;
        assert_eq!(wrote.is_err(), is_refused);
    }
}

#[tokio::test]
async fn a_row_that_waits_for_an_older_transaction_comes_when_that_ends() {
    let app = TestApp::start().await;
    let mut stream = app.dispatcher("dan").await.watch(None).await;
    let mut older = app.database().superuser().await;
    let mut open = older.begin().await.expect("a transaction");
    sqlx::query("select pg_current_xact_id()").execute(&mut *open).await.expect("an older transaction");

    commit_event(&app, "ticket.changed", None).await;
    assert_eq!(stream.quiet_after(Duration::from_millis(300)).await, [], "it could still be overtaken");
    let held_up_s = app.state().tenancy.feed_lag_s(app.state().clock.now()).await.expect("the lag");
    assert!(held_up_s.is_some_and(|seconds| seconds > 0.2), "{held_up_s:?}");

    open.commit().await.expect("the older transaction ends");
    assert_eq!(stream.expect().await.name, "ticket.changed", "without the next event");
}

#[tokio::test]
async fn a_lost_listening_connection_loses_no_event() {
    let app = TestApp::start().await;
    let mut stream = app.dispatcher("dan").await.watch(None).await;
    commit_event(&app, "ticket.changed", None).await;
    stream.expect().await;
    let mut superuser = app.database().superuser().await;
    let killed: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and query ilike 'listen%'",
    )
    .fetch_one(&mut superuser)
    .await
    .expect("the listening connection");
    assert_eq!(killed, 1, "one connection of the process listens");
    for _ in 0..3 {
        commit_event(&app, "ticket.changed", None).await;
    }
    for _ in 0..3 {
        stream.expect().await;
    }
    // And it listens again.
    tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let again: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
            )
            .fetch_one(&mut superuser)
            .await
            .expect("a count");
            if again == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("it listens again");
}

#[tokio::test]
async fn each_sees_what_is_his() {
    let app = TestApp::start().await;
    let (ana, ben) = (engineer_on_shift(&app, "ana").await, engineer_on_shift(&app, "ben").await);
    let stranger = app.another_tenant("other").await.admin().await;
    let people = [
        (app.dispatcher("dan").await, vec!["position ana", "position ben", "ticket.changed ana", "ticket.created -"]),
        (app.admin().await, vec!["position ana", "position ben", "ticket.changed ana", "ticket.created -"]),
        (
            person(&app, Role::Auditor).await,
            vec!["position ana", "position ben", "ticket.changed ana", "ticket.created -"],
        ),
        (person(&app, Role::Warehouse).await, vec!["ticket.changed ana", "ticket.created -"]),
        (ana.clone(), vec!["position ana", "ticket.changed ana"]),
        (ben.clone(), vec!["position ben"]),
        (stranger, vec![]),
    ];
    let begin = people[0].0.watch(None).await.last_id().to_owned();
    let mut live = Vec::new();
    for (person, _) in &people {
        live.push(person.watch(None).await);
    }
    let now = app.state().clock.now();
    send(&ana, now, &[fix(now, 0, 40.7)]).await.expect(200);
    send(&ben, now, &[fix(now, 0, 40.8)]).await.expect(200);
    commit_event(&app, "ticket.changed", Some(ana.user)).await;
    commit_event(&app, "ticket.created", None).await;
    commit_event(&app, "import.finished", None).await;
    app.settle().await;

    for ((person, expected), live) in people.iter().zip(live) {
        assert_eq!(told(live, &ana, &ben).await, *expected, "{:?}, live", person.role);
        assert_eq!(told(person.watch(Some(&begin)).await, &ana, &ben).await, *expected, "{:?}, resumed", person.role);
    }
    let refused = person(&app, Role::Customer).await.try_watch(None).await.err().expect("nothing for customers");
    assert_eq!(refused.problem(403), "forbidden");
    assert_eq!(app.get("/api/v1/live").await.problem(401), "signed-out");
}

async fn told(mut stream: LiveStream, ana: &Actor, ben: &Actor) -> Vec<String> {
    let name = |id: &serde_json::Value| match id.as_str() {
        Some(id) if id == ana.user.to_string() => "ana",
        Some(id) if id == ben.user.to_string() => "ben",
        _ => "-",
    };
    let events = stream.quiet_after(Duration::from_millis(400)).await;
    let about = |data: &serde_json::Value| match data.get("engineer_id") {
        Some(engineer) => name(engineer),
        None => name(&data["about"]["user_id"]),
    };
    events.iter().map(|event| format!("{} {}", event.name, about(&event.data))).collect()
}

#[tokio::test]
async fn an_event_is_told_as_documented() {
    let app = TestApp::start().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let mut stream = app.dispatcher("dan").await.watch(None).await;
    let now = app.state().clock.now();
    send(&ana, now, &[fix(now, 3, 40.7)]).await.expect(200);
    let moved = stream.expect().await;
    assert_eq!((moved.name.as_str(), &moved.data["engineer_id"]), ("position", &json!(ana.user.0)));
    assert_eq!((&moved.data["lat"], &moved.data["heading_deg"]), (&json!(40.7), &json!(12.5)));
    let recorded: chrono::DateTime<chrono::Utc> =
        moved.data["recorded_at"].as_str().expect("a time").parse().expect("a time");
    assert!((app.state().clock.now() - recorded).num_seconds() < 30, "{recorded}");
    let id: Position = moved.id.parse().expect("an id is xid-serial");
    assert!(id.xid > 0 && id.serial > 0);

    commit_event(&app, "ticket.changed", Some(ana.user)).await;
    let changed = stream.expect().await;
    assert_eq!(changed.data["about"]["user_id"], json!(ana.user.0));
    assert_eq!(changed.data["payload"]["status"], "assigned");
}

#[tokio::test]
async fn the_map_and_the_stream_leave_no_gap_between_them() {
    let app = TestApp::start().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let dan = app.dispatcher("dan").await;
    let now = app.state().clock.now();
    send(&ana, now, &[fix(now, 30, 40.7)]).await.expect(200);
    let map = dan.get("/positions").await.expect(200).json();
    send(&ana, now, &[fix(now, 0, 40.705)]).await.expect(200);
    let mut stream = dan.watch(map["live_after"].as_str()).await;
    // What the map already showed may come once more while an older transaction is still running, never less.
    let mut moved = stream.expect().await.data["lat"].clone();
    if moved == 40.7 {
        moved = stream.expect().await.data["lat"].clone();
    }
    assert_eq!(moved, 40.705);
}

#[tokio::test]
async fn what_cannot_be_resumed_begins_anew_and_says_so() {
    let app = TestApp::start().await;
    let dan = app.dispatcher("dan").await;
    let mut first = dan.watch(None).await;
    let begin = first.last_id().to_owned();
    commit_event(&app, "ticket.changed", None).await;
    first.expect().await;

    let mut stream = dan.watch(Some("9000000000000000-1")).await;
    let reset = stream.expect().await;
    assert_eq!((reset.name.as_str(), &reset.data["reason"]), ("reset", &json!("unknown_position")));

    app.advance(Duration::from_secs(25 * 3_600));
    let dan = app.tenant().sign_in_again(&dan).await;
    let mut stream = dan.watch(Some(&begin)).await;
    let reset = stream.expect().await;
    assert_eq!((reset.name.as_str(), &reset.data["reason"]), ("reset", &json!("too_old")));
    commit_event(&app, "ticket.closed", None).await;
    assert_eq!(stream.expect().await.name, "ticket.closed");
    let mut again = dan.watch(Some(&reset.id)).await;
    assert_eq!(again.expect().await.name, "ticket.closed");

    for id in ["x", "1", "1-", "-1-2", "1-2-3"] {
        let refused = dan.try_watch(Some(id)).await.err().expect("no id");
        assert_eq!(refused.problem(422), "invalid-field", "{id}");
    }
}

#[tokio::test]
async fn a_session_that_ends_takes_its_stream_along() {
    let app = TestApp::start().await;
    let (dan, eve) = (app.dispatcher("dan").await, app.dispatcher("eve").await);
    let ana = engineer_on_shift(&app, "ana").await;
    let mut of_dan = dan.watch(None).await;
    let mut of_eve = eve.watch(None).await;
    let mut of_ana = ana.watch(None).await;
    let device = ana.get("/me").await.expect(200).json()["device"].as_str().expect("a device").to_owned();
    dan.post("/auth/sign-out", &json!({})).await.expect(204);
    app.admin().await.post(&format!("/devices/{device}/revoke"), &json!({})).await.expect(200);
    for stream in [&mut of_dan, &mut of_ana] {
        let end = stream.expect().await;
        assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("signed_out")));
        assert_eq!(stream.next().await, None);
    }
    commit_event(&app, "ticket.changed", None).await;
    assert_eq!(of_eve.expect().await.name, "ticket.changed", "others go on");
    assert_eq!(dan.try_watch(None).await.err().expect("signed out").status, 401);
}

#[tokio::test]
async fn a_stopping_server_says_so_and_another_goes_on() {
    let app = TestApp::start().await;
    let other = app.another_process().await;
    let dan = app.dispatcher("dan").await;
    let mut stream = dan.at(&other).watch(None).await;
    commit_event(&app, "ticket.changed", None).await;
    let seen = stream.expect().await;
    let stopping = tokio::spawn(other.stop());
    let end = stream.expect().await;
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("stopping")));
    assert_eq!(stream.next().await, None);
    tokio::time::timeout(Duration::from_secs(10), stopping).await.expect("streams hold up no stop").expect("stopped");
    commit_event(&app, "ticket.closed", None).await;
    assert_eq!(dan.watch(Some(&seen.id)).await.expect().await.name, "ticket.closed");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_ended_and_resumes_without_gap_or_repeat() {
    let app = TestApp::start().await;
    let dan = app.dispatcher("dan").await;
    // The smallest buffers there are, and nobody who reads from them.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let address = app.url("").trim_start_matches("http://").parse().expect("an address");
    let mut slow = socket.connect(address).await.expect("a connection");
    let request = format!("GET /api/v1/live HTTP/1.0\r\nauthorization: Bearer {}\r\n\r\n", dan.token);
    slow.write_all(request.as_bytes()).await.expect("a request");
    let mut head = vec![0; 200];
    slow.read_exact(&mut head).await.expect("the head of the answer");

    let mut quick = dan.watch(None).await;
    for _ in 0..120 {
        commit_large_event(&app).await;
    }
    let mut all = Vec::new();
    while all.len() < 120 {
        all.push(quick.expect().await.id);
    }
    // Its patience is ten seconds; then what had been written, the farewell, and the end.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut rest)).await.expect("the end").expect("bytes");
    let text = [head, rest].concat();
    let body = text.windows(4).position(|window| window == b"\r\n\r\n").expect("a body") + 4;
    let mut parser = EventParser::default();
    parser.feed(&text[body..]);
    let mut seen: Vec<_> = parser.frames.into_iter().filter(|frame| !frame.name.is_empty()).collect();
    let end = seen.pop().expect("a farewell");
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("too_slow")));
    assert!(seen.len() < 120, "not everything had been written ahead");
    let mut seen: Vec<String> = seen.into_iter().map(|event| event.id).collect();

    let mut resumed = dan.watch(Some(&end.id)).await;
    while seen.len() < 120 {
        seen.push(resumed.expect().await.id);
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_user_has_ten_streams_and_no_more() {
    let app = TestApp::start().await;
    let dan = app.dispatcher("dan").await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(dan.watch(None).await);
    }
    assert_eq!(dan.try_watch(None).await.err().expect("one too many").problem(429), "too-many-streams");
    drop(streams);
    tokio::time::timeout(Duration::from_secs(10), async {
        while dan.try_watch(None).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("those who leave make room");
}

async fn person(app: &TestApp, role: Role) -> Actor {
    app.tenant().person(role.as_str(), role).await
}

async fn commit_event(app: &TestApp, kind: &'static str, user: Option<UserId>) {
    let now = ServerTime(app.state().clock.now_ms());
    let write = async move |tx: &mut TenantTx| {
        happen(tx, kind, user, now).await;
        Ok::<_, sqlx::Error>(())
    };
    app.tenant().system().transact(write).await.expect("an event");
}

async fn happen(tx: &mut TenantTx, kind: &'static str, user: Option<UserId>, now: ServerTime) {
    let payload = json!({ "status": "assigned" });
    let event = Event { kind, ticket: Some(TicketId(Uuid::from_u128(1))), user, payload };
    outbox::append(tx, &event, now).await.expect("an event");
}

async fn commit_large_event(app: &TestApp) {
    let now = ServerTime(app.state().clock.now_ms());
    let write = async move |tx: &mut TenantTx| {
        let payload = json!({ "filler": "x".repeat(100_000) });
        outbox::append(tx, &Event { kind: "ticket.changed", ticket: None, user: None, payload }, now).await
    };
    app.tenant().system().transact(write).await.expect("an event");
}

/// The ids of all that a dispatcher should have been told, in order, as the database has it.
async fn everything_written(app: &TestApp) -> Vec<String> {
    let mut superuser = app.database().superuser().await;
    let rows = sqlx::query(
        "select xid, serial from outbox
         union all
         select xid, serial from engineer_position where is_move
         order by xid, serial",
    )
    .fetch_all(&mut superuser)
    .await
    .expect("all rows");
    rows.iter().map(|row| Position { xid: row.get(0), serial: row.get(1) }.to_string()).collect()
}
