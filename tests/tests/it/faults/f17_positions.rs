//! F17: positions from the future, twice, from 0,0, at 900 km/h: never shown as the latest, never in the way of the next.

use std::time::Duration;

use callout_tests::TestApp;
use chrono::TimeDelta;
use serde_json::json;

use crate::positions::{at, count, engineer_on_shift, fix, reasons, send};

#[tokio::test]
async fn f17_a_batch_sent_again_changes_nothing() {
    let app = TestApp::start().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let now = app.state().clock.now();
    let fixes = [fix(now, 0, 40.72), fix(now, 30, 40.71), fix(now, 60, 40.70)];
    let mut stream = app.dispatcher("dan").await.watch(None).await;
    send(&ana, now, &fixes).await.expect(200);
    assert_eq!(stream.expect().await.name, "position");
    // The reply was lost; the phone sends the same later, by then with another idea of its clock, ten times at once.
    app.advance(Duration::from_secs(40));
    let later = now + TimeDelta::seconds(39);
    let again = futures_util::future::join_all((0..10).map(|_| send(&ana, later, &fixes))).await;
    for answer in again {
        let answer = answer.expect(200).json();
        assert_eq!(answer["accepted"], 0);
        assert_eq!(reasons(&answer), ["duplicate", "duplicate", "duplicate"]);
    }
    assert_eq!(count(&app, "select count(*) from engineer_position").await, 3);
    assert_eq!(stream.quiet_after(Duration::from_millis(500)).await, []);
}

#[tokio::test]
async fn f17_bad_fixes_are_refused_one_by_one_and_never_shown() {
    let app = TestApp::start().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let now = app.state().clock.now();
    send(&ana, now, &[fix(now, 60, 40.70)]).await.expect(200);
    let fixes = [
        fix(now, 0, 40.70),
        at(now - TimeDelta::seconds(1), 0.0, 0.0),
        at(now - TimeDelta::seconds(2), 91.0, -74.0),
        at(now - TimeDelta::seconds(3), 48.85, 2.35),
        at(now + TimeDelta::minutes(10), 40.70, -74.0),
        at(now - TimeDelta::hours(20), 40.70, -74.0),
        at(now - TimeDelta::days(15), 40.70, -74.0),
        json!({ "device_time": now - TimeDelta::seconds(4), "lat": 40.7, "lon": -74.0, "accuracy_m": -1.0 }),
        fix(now, 0, 40.75),
    ];
    let answer = send(&ana, now, &fixes).await.expect(200).json();
    assert_eq!(answer["accepted"], 1);
    let expected = ["no_fix", "out_of_range", "too_fast", "future", "off_shift", "stale", "implausible", "duplicate"];
    assert_eq!(reasons(&answer), expected);
    assert_eq!(answer["rejected"][0]["index"], 1);

    let map = ana.get("/positions").await.expect(200).json();
    assert_eq!(map["items"][0]["lat"], 40.70);
    let kept = "select count(*) from position_reject where lat is not null";
    assert_eq!(count(&app, kept).await, 4, "kept is only where the phone was during a shift");
}

#[tokio::test]
async fn f17_a_fix_from_the_future_or_from_elsewhere_never_freezes_the_map() {
    let app = TestApp::start().await;
    let ana = engineer_on_shift(&app, "ana").await;
    let now = app.state().clock.now();
    send(&ana, now, &[fix(now, 0, 40.70)]).await.expect(200);
    let bad = [
        at(now + TimeDelta::days(3650), 41.0, -74.0),
        at(now + TimeDelta::minutes(3), 41.0, -74.0),
        at(now + TimeDelta::seconds(1), 0.0, 0.0),
        at(now + TimeDelta::seconds(2), -33.9, 151.2),
    ];
    let answer = send(&ana, now, &bad).await.expect(200).json();
    assert_eq!(reasons(&answer), ["future", "future", "no_fix", "too_fast"]);
    let latest = async || ana.get("/positions").await.expect(200).json()["items"][0]["lat"].clone();
    assert_eq!(latest().await, 40.70);
    app.advance(Duration::from_secs(30));
    let later = now + TimeDelta::seconds(30);
    send(&ana, later, &[fix(later, 0, 40.703)]).await.expect(200);
    assert_eq!(latest().await, 40.703, "the next good one is the latest at once");
    // And where the first was wrong and all that follow agree with each other, they are believed.
    for step in 1..=4 {
        app.advance(Duration::from_secs(30));
        let then = later + TimeDelta::seconds(30 * step);
        send(&ana, then, &[at(then, 48.85 + 0.001 * step as f64, 2.35)]).await.expect(200);
    }
    assert_eq!(latest().await, 48.854);
}
