//! Engines that do anything but answer. Whatever it is, drives are estimated and the reason is said.

use axum::http::StatusCode;

use std::time::Instant;

use super::super::roads::informed_within;
use super::super::{TravelUsed, informed};
use super::*;
use crate::planning::PlanningError;

/// Why drives are estimated when an engine answers so.
async fn because<R: IntoResponse>(answer: impl Fn(Request, SocketAddr) -> R + Clone + Send + Sync + 'static) -> String {
    let fake = Fake::answering(answer).await;
    let (mut crew, mut wanted) = (engineers(2, 1), visits(2));
    let roads = fake.roads_in("osrm", |manner| manner.patience = SHORT);
    let travelled = travel(&roads, &mut crew, &mut wanted).await;
    assert_eq!(travelled.used.source, "direct");
    assert!(matches!(travelled.travel, Travel::Direct { detour } if detour.to_bits() == 1.4_f64.to_bits()));
    assert!(wanted.iter().all(|visit| visit.place.row().is_none()));
    travelled.used.because.expect("a reason")
}

/// An answer that is right but for one thing.
async fn because_of(change: fn(&str) -> String) -> String {
    because(move |request, _| {
        let (from, to) = asked(request.uri());
        change(&table(&from, &to).to_string())
    })
    .await
}

#[tokio::test]
async fn what_is_no_table_is_named() {
    let no_table = "the routing engine's answer is no table: ";
    let html = because(|_, _| "<html><h1>502 Bad Gateway</h1></html>").await;
    assert_eq!(html, format!("{no_table}it is not OSRM's JSON"));
    let short = because_of(|body| body.replacen("\"durations\":[", "\"durations\":[[],", 1)).await;
    assert_eq!(short, format!("{no_table}it has other rows or columns than were asked for"));
    for number in ["-5.0", "1e15"] {
        let wrong = because(move |request, _| {
            let (from, to) = asked(request.uri());
            let mut table = table(&from, &to);
            table["durations"][0][0] = serde_json::from_str(number).expect("a number");
            table.to_string()
        });
        assert_eq!(wrong.await, format!("{no_table}a drive takes no time that a drive takes"), "{number}");
    }
    let nan = because_of(|body| body.replacen("[[", "[[NaN,", 1)).await;
    assert_eq!(nan, format!("{no_table}it is not OSRM's JSON"));
    let overflow = because_of(|body| body.replacen("[[", "[[1e999,", 1)).await;
    assert_eq!(overflow, format!("{no_table}it is not OSRM's JSON"));
    let empty = because(|_, _| "").await;
    assert_eq!(empty, format!("{no_table}it is not OSRM's JSON"));
    let deep = because(|_, _| format!("{{\"durations\":{}", "[".repeat(100_000))).await;
    assert_eq!(deep, format!("{no_table}it is not OSRM's JSON"));
}

#[tokio::test]
async fn refusals_and_redirects_are_named_and_nobody_is_followed() {
    assert_eq!(because(|_, _| StatusCode::BAD_GATEWAY).await, "the routing engine answered with status 502");
    let refusal = (StatusCode::BAD_REQUEST, r#"{"code":"TooBig","message":"Too many table coordinates"}"#);
    assert_eq!(because(move |_, _| refusal).await, "the routing engine refused: TooBig");
    let elsewhere = |_: Request, addr: SocketAddr| {
        (StatusCode::TEMPORARY_REDIRECT, [("location", format!("http://{addr}/table/v1/driving/elsewhere"))])
    };
    assert_eq!(because(elsewhere).await, "the routing engine answered with status 307");
}

#[tokio::test]
async fn who_answers_slowly_or_without_end_is_not_waited_for() {
    let late = "the routing engine did not answer in 0.3 s";
    assert_eq!(because(|_, _| as_response(endless("{\"code\":\"Ok\","))).await, late, "it began");
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let fake =
        Fake { addr: silent.local_addr().expect("its address"), requests: Arc::default(), drives: Arc::default() };
    let roads = fake.roads_in("osrm", |manner| manner.patience = SHORT);
    let travelled = travel(&roads, &mut [], &mut visits(2)).await;
    assert_eq!(travelled.used.because.as_deref(), Some(late), "it never took the connection");
    let long = because(|_, _| " ".repeat(5 << 20)).await;
    assert_eq!(long, "the routing engine's answer is longer than 4194304 bytes");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_is_left_alone_for_a_while() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("its address");
    drop(listener);
    let fake = Fake { addr, requests: Arc::default(), drives: Arc::default() };
    let roads = fake.roads("osrm");
    let travelled = travel(&roads, &mut [], &mut visits(2)).await;
    assert_eq!(travelled.used.because.as_deref(), Some("the routing engine cannot be reached"));
}

#[tokio::test]
async fn an_engine_that_fails_is_not_asked_by_everybody() {
    let fake = Fake::answering(|_, _| StatusCode::SERVICE_UNAVAILABLE).await;
    let roads = fake.roads("osrm");
    travel(&roads, &mut engineers(1, 0), &mut visits(1)).await;
    let asked = fake.requests();
    for number in 2..=20 {
        let travelled = travel(&roads, &mut engineers(1, 0), &mut visits(number)).await;
        let because = travelled.used.because.expect("a reason");
        assert_eq!(because, "the routing engine answered with status 503", "the same reason, without asking");
    }
    assert_eq!(fake.requests(), asked);
    let work = |roads: Roads| async move { roads.travel(&mut [], &mut visits(2), 1.4).map(|travelled| travelled.used) };
    let used = informed(&roads, work).await.expect("work that is done all the same");
    assert_eq!(used.because.as_deref(), Some("the routing engine answered with status 503"));
    assert_eq!(fake.requests(), asked);
}

#[tokio::test]
async fn what_was_known_before_an_outage_is_known_during_it() {
    let is_down = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let fake = Fake::answering(move |request, _| {
        if down.load(Ordering::Relaxed) {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        let (from, to) = asked(request.uri());
        table(&from, &to).to_string().into_response()
    })
    .await;
    let roads = fake.roads("osrm");
    travel(&roads, &mut engineers(2, 0), &mut visits(5)).await;
    is_down.store(true, Ordering::Relaxed);
    assert_eq!(travel(&roads, &mut engineers(2, 0), &mut visits(6)).await.used.source, "direct");
    assert_eq!(travel(&roads, &mut engineers(2, 0), &mut visits(5)).await.used.source, "osrm");
}

#[tokio::test]
async fn work_that_always_finds_more_to_ask_for_ends_with_an_estimate() {
    let fake = Fake::osrm().await;
    let used = informed(&fake.roads("osrm"), always_more()).await.expect("an end");
    assert_eq!(used.because.as_deref(), Some("there were always more drives to ask for"));
}

/// Each answer comes in good time, and all together would take longer than anybody waits.
#[tokio::test]
async fn nobody_waits_longer_than_once_however_often_there_is_something_to_ask() {
    // Two answers fit, and there is room for a busy machine before the second.
    let fake = Fake::osrm_after(SHORT * 2).await;
    let (patience, begun) = (SHORT * 5, Instant::now());
    let used = informed_within(patience, &fake.roads("osrm"), always_more()).await.expect("an end");
    let because = used.because.expect("a reason");
    assert!(because.starts_with("the routing engine did not answer in"), "{because}");
    assert!((2..=3).contains(&fake.requests()), "{}", fake.requests());
    assert!(begun.elapsed() >= patience);
}

/// Work that meets places that nobody has asked about each time it is done.
fn always_more() -> impl Fn(Roads) -> std::future::Ready<Result<TravelUsed, PlanningError>> {
    let next = AtomicUsize::new(0);
    move |roads| {
        let lat = 60.0 + next.fetch_add(1, Ordering::Relaxed) as f64 / 100.0;
        let mut wanted = [Visit::new(place(lat, 24.0), 60), Visit::new(place(lat, 24.1), 60)];
        std::future::ready(roads.travel(&mut [], &mut wanted, 1.4).map(|travelled| travelled.used))
    }
}
