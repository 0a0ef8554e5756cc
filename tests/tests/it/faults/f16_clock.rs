//! F16: a phone's clock is wrong, by a minute or by decades, and jumps: nothing is refused, the order is that of what each
//! had seen, the server's time stands beside the device's, and its user is told.

use callout_tests::TestApp;
use chrono::{DateTime, Utc};

use crate::offline::kinds;

#[tokio::test]
async fn f16_a_phone_whose_clock_is_a_year_off_works_like_any_other() {
    const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1000;
    let app = TestApp::start().await;
    for off_ms in [YEAR_MS, -YEAR_MS] {
        let (desk, ana) = (app.dispatcher(&format!("dora{off_ms}")).await, app.engineer(&format!("ana{off_ms}")).await);
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        let mut phone = ana.phone().await;
        phone.set_clock_ahead_ms(off_ms).online().await.offline();
        assert!(phone.status().is_clock_off, "she is told");
        phone.accept(visit.id);
        phone.depart(visit.id);
        // While the phone sleeps, somebody sets its clock right.
        phone.set_clock_ahead_ms(0).check_in(visit.id);
        phone.start(visit.id);
        phone.done(visit.id, "solved");
        phone.online().await;

        let ticket = desk.ticket(visit).await;
        assert_eq!(ticket["status"], "done");
        assert!(phone.drafts().is_empty(), "nothing is refused for a wrong clock");
        let admitted = [&"accept", &"depart", &"check_in", &"start", &"done"];
        let said: Vec<&str> = kinds(&ticket).into_iter().filter(|kind| admitted.contains(&kind)).collect();
        assert_eq!(said, ["accept", "depart", "check_in", "start", "done"], "the order is that of what each had seen");
        app.expect_nothing_lost(&[&phone]).await;
    }
}

#[tokio::test]
async fn f16_clocks_that_are_decades_off_or_jump_while_work_is_done_change_nothing_but_the_device_time() {
    const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1000;
    let app = TestApp::start().await;
    let now = app.clock().now_ms();
    let at = |date: &str| date.parse::<DateTime<Utc>>().unwrap().timestamp_millis() - now;
    // Where the clock stands at each of the five deeds.
    let runs = [
        [10 * YEAR_MS; 5],
        [-10 * YEAR_MS; 5],
        [10 * YEAR_MS, -10 * YEAR_MS, 0, 10 * YEAR_MS, -10 * YEAR_MS],
        // The moment after which 32 bits are too few, from both sides.
        [-3, -2, -1, 1, 2].map(|ms| at("2038-01-19T03:14:08Z") + ms),
        [at("1999-12-31T23:59:59Z"), at("1970-01-01T00:00:00Z"), at("2099-06-01T00:00:00Z"), 0, -1],
        // A second back at each step, as a clock that is being corrected.
        [0, -1_000, -2_000, -3_000, -4_000],
    ];
    for (number, [accept, depart, check_in, start, done]) in runs.into_iter().enumerate() {
        let desk = app.dispatcher(&format!("dora{number}")).await;
        let ana = app.engineer(&format!("ana{number}")).await;
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        let mut phone = ana.phone().await;
        phone.set_clock_ahead_ms(accept).online().await.offline();
        assert_eq!(phone.status().is_clock_off, accept.abs() > 120_000, "she is told when it matters");
        phone.accept(visit.id);
        phone.set_clock_ahead_ms(depart).depart(visit.id);
        phone.set_clock_ahead_ms(check_in).check_in(visit.id);
        // A session of the app begins while the clock is wrong.
        let mut phone = phone.restart();
        phone.set_clock_ahead_ms(start).start(visit.id);
        phone.set_clock_ahead_ms(done).done(visit.id, "solved");
        phone.online().await;
        assert_eq!((phone.status().unsent, phone.drafts().len()), (0, 0), "nothing is refused for a wrong clock");

        let ticket = desk.ticket(visit).await;
        assert_eq!(ticket["status"], "done");
        assert_eq!(kinds(&ticket), ["assign", "accept", "depart", "check_in", "start", "done"]);
        for fact in ticket["timeline"].as_array().unwrap() {
            let received: DateTime<Utc> = fact["received_at"].as_str().unwrap().parse().unwrap();
            assert!((app.clock().now() - received).num_seconds().abs() < 300, "by the server's own clock: {fact}");
        }
        let said = &ticket["timeline"][1]["device_time"];
        let said: DateTime<Utc> = said.as_str().unwrap().parse().unwrap();
        assert!((said.timestamp_millis() - now - accept).abs() < 300_000, "the device's own time is kept: {said}");
        app.expect_nothing_lost(&[&phone]).await;
    }
}
