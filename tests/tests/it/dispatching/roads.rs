//! Whom a routing engine would send, and what happens without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use callout_tests::TestApp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::area::{Area, Asked, Wanted, list, no_skills};

/// An OSRM for a town where a river keeps the south from the north: whoever crosses latitude 40.73 drives for an hour
/// longer, and nobody gets to what is east of -73.5 at all.
struct Town {
    url: String,
    requests: Arc<AtomicUsize>,
    /// The status it answers with.
    status: Arc<AtomicU16>,
    /// While this is true it takes requests and does not answer them.
    is_held: watch::Sender<bool>,
}

impl Town {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("osrm:http://{}", listener.local_addr().expect("its address"));
        let (requests, status) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU16::new(200)));
        let (counted, answered) = (Arc::clone(&requests), Arc::clone(&status));
        let (is_held, held) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let (mut held, status) = (held.clone(), answered.load(Ordering::Relaxed));
                tokio::spawn(async move {
                    if held.wait_for(|is_held| !is_held).await.is_ok() {
                        answer(connection, status).await;
                    }
                });
            }
        });
        Self { url, requests, status, is_held }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    async fn area(&self) -> Area {
        let url = self.url.clone();
        Area::of(TestApp::start_with(|config| config.routing.engine = Some(url)).await).await
    }
}

/// One request, one answer, and then the connection is closed.
async fn answer(mut connection: TcpStream, status: u16) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut some = [0; 4_096];
        match connection.read(&mut some).await {
            Ok(read @ 1..) => request.extend_from_slice(&some[..read]),
            _ => return,
        }
    }
    let request = String::from_utf8(request).expect("text");
    let path = request.split(' ').nth(1).expect("a path");
    let body = if status == 200 { table(path).to_string() } else { String::new() };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = connection.write_all(format!("{head}{body}").as_bytes()).await;
}

fn table(path: &str) -> Value {
    let (places, query) = path.strip_prefix("/table/v1/driving/").expect("a table").split_once('?').expect("a query");
    let places: Vec<Vec<f64>> = places
        .split(';')
        .map(|place| place.split(',').map(|number| number.parse().expect("a number")).collect())
        .collect();
    let list = |name: &str| -> Vec<Vec<f64>> {
        let list = query.split('&').find_map(|one| one.strip_prefix(name)).expect("a list");
        list.split(';').map(|number| places[number.parse::<usize>().expect("a number")].clone()).collect()
    };
    let (from, to) = (list("sources="), list("destinations="));
    let waypoints =
        |places: &[Vec<f64>]| -> Vec<Value> { places.iter().map(|place| json!({ "location": place })).collect() };
    let drive = |from: &[f64], to: &[f64]| {
        let river_s = if (from[1] < 40.73) == (to[1] < 40.73) { 0.0 } else { 3_600.0 };
        let way_s = ((from[0] - to[0]).abs() + (from[1] - to[1]).abs()) * 6_000.0;
        ((from[0] < -73.5) == (to[0] < -73.5)).then_some(river_s + way_s)
    };
    let row = |from: &Vec<f64>| to.iter().map(|to| drive(from, to)).collect::<Vec<_>>();
    let durations: Vec<_> = from.iter().map(row).collect();
    json!({ "code": "Ok", "durations": durations, "sources": waypoints(&from), "destinations": waypoints(&to) })
}

fn order(seen: &Value) -> Vec<&Value> {
    list(&seen["candidates"]).iter().map(|one| &one["engineer_id"]).collect()
}

#[tokio::test]
async fn the_nearest_by_road_comes_first_and_who_has_no_road_does_not_come() {
    let town = Town::new().await;
    let area = town.area().await;
    // The river is 3.3 km to the north of the middle.
    let across = area.engineer("across", (4.0, 0.0), no_skills()).await;
    let south = area.engineer("south", (-12.0, 0.0), no_skills()).await;
    area.engineer("islander", (0.0, 60.0), no_skills()).await;
    let wanted = area.visit((3.0, 0.0)).await;
    let seen = area.candidates(wanted).await;
    assert_eq!(order(&seen), [&json!(south.user.0), &json!(across.user.0)]);
    assert_eq!(seen["travel"], json!({ "source": "osrm", "off_the_map": 0 }));
    let drive_s = list(&seen["candidates"])[1]["drive_s"].as_i64().unwrap();
    assert!((3_600..3_700).contains(&drive_s), "{drive_s}");
    assert_eq!(seen["able"], 2, "{:?}", seen["refused_by_rule"]);

    let asked = town.requests();
    assert_eq!(order(&area.candidates(wanted).await).len(), 2);
    assert_eq!(town.requests(), asked, "what is known is not asked for again");

    let made = area.assign(wanted, &south).await;
    assert_eq!((&made["travel"]["source"], &made["policy"]["travel"]["source"]), (&json!("osrm"), &json!("osrm")));
}

#[tokio::test]
async fn what_the_server_does_by_itself_goes_by_the_roads_too() {
    let town = Town::new().await;
    let area = town.area().await;
    area.engineer("across", (4.0, 0.0), no_skills()).await;
    let south = area.engineer("south", (-12.0, 0.0), no_skills()).await;
    let asked = Asked::at(area.site(Some((3.0, 0.0))).await).of_type("automatic");
    let wanted = area.ask(asked).await;
    area.app.relayed().await;
    let holders = area.holders(wanted).await;
    assert_eq!(holders.iter().map(|(engineer, _)| *engineer).collect::<Vec<_>>(), [south.user.0]);

    let near = area.visit((-11.0, 0.0)).await;
    let best = area.try_assign(near, json!({})).await.expect(201).json();
    assert_eq!((&best["engineer_id"], &best["travel"]["source"]), (&json!(south.user.0), &json!("osrm")));
}

#[tokio::test]
async fn a_plan_goes_by_the_roads_and_says_so() {
    let town = Town::new().await;
    let area = town.area().await;
    let north = area.engineer("north", (5.0, 0.0), no_skills()).await;
    let south = area.engineer("south", (1.0, 0.0), no_skills()).await;
    let mut visits = Vec::new();
    for n in 0..2 {
        visits.push((area.visit((3.0, f64::from(n))).await, south.user.0));
        visits.push((area.visit((3.6, f64::from(n))).await, north.user.0));
    }
    let plan = area.plan(json!({ "from": area.at(0.0), "to": area.at(24.0) })).await;
    assert_eq!((&plan["assigned"], &plan["policy"]["travel"]["source"]), (&json!(4), &json!("osrm")));
    for (wanted, engineer) in visits {
        assert_eq!(area.holders(wanted).await[0].0, engineer, "nobody crosses the river");
    }
}

#[tokio::test]
async fn without_the_engine_everything_goes_on_by_distance_and_says_why() {
    let town = Town::new().await;
    let area = town.area().await;
    let across = area.engineer("across", (4.0, 0.0), no_skills()).await;
    area.engineer("south", (-12.0, 0.0), no_skills()).await;
    let wanted = area.visit((3.0, 0.0)).await;
    town.status.store(502, Ordering::Relaxed);
    let because = "the routing engine answered with status 502";
    let seen = area.candidates(wanted).await;
    assert_eq!(order(&seen)[0], &json!(across.user.0));
    assert_eq!(seen["travel"], json!({ "source": "direct", "because": because, "off_the_map": 0 }));
    let asked = town.requests();
    let made = area.try_assign(wanted, json!({})).await.expect(201).json();
    assert_eq!((&made["engineer_id"], &made["travel"]["because"]), (&json!(across.user.0), &json!(because)));
    assert_eq!(made["policy"]["travel"]["because"], because);
    assert_eq!(made["policy"]["travel"]["detour"], 1.4, "and by what it was estimated");

    area.visit((2.0, 0.0)).await;
    let plan = area.plan(json!({ "from": area.at(0.0), "to": area.at(24.0) })).await;
    assert_eq!((&plan["assigned"], &plan["policy"]["travel"]["because"]), (&json!(1), &json!(because)));
    assert_eq!(town.requests(), asked, "an engine that has just failed is left alone");
}

#[tokio::test]
async fn a_draft_and_an_offer_name_their_source_and_neither_fails_with_the_engine() {
    let town = Town::new().await;
    let area = town.area().await;
    area.engineer("across", (4.0, 0.0), no_skills()).await;
    let south = area.engineer("south", (-12.0, 0.0), no_skills()).await;
    let wanted = area.visit((3.0, 0.0)).await;
    let window = json!({ "starts_at": area.at(12.0), "ends_at": area.at(14.0) });
    let order = json!({ "from": area.at(0.0), "to": area.at(24.0), "draft": true });

    let drafted = area.plan(order.clone()).await;
    assert_eq!((&drafted["assigned"], &drafted["policy"]["travel"]["source"]), (&json!(1), &json!("osrm")));
    let request = json!({ "windows": [window] });
    let offers = format!("/visits/{}/offers", wanted.visit);
    let seen = area.dora.post(&offers, &request).await.expect(200).json();
    assert_eq!(seen["travel"], json!({ "source": "osrm", "off_the_map": 0 }));
    assert_eq!(seen["offers"][0]["candidate"]["engineer_id"], json!(south.user.0));

    // Somewhere new, and the engine is gone.
    town.status.store(503, Ordering::Relaxed);
    let because = "the routing engine answered with status 503";
    let other = area.visit((2.0, 1.0)).await;
    let seen = area.dora.post(&format!("/visits/{}/offers", other.visit), &request).await.expect(200).json();
    assert_eq!(seen["travel"], json!({ "source": "direct", "because": because, "off_the_map": 0 }));
    let drafted = area.plan(order).await;
    assert_eq!((&drafted["state"], &drafted["assigned"]), (&json!("drafted"), &json!(2)));
    let travel = &drafted["policy"]["travel"];
    assert_eq!((&travel["source"], &travel["because"]), (&json!("direct"), &json!(because)));

    let accepted = json!({ "window": seen["offers"][0]["window"], "assign": true });
    let made = area.dora.post(&format!("/visits/{}/offers/accept", other.visit), &accepted).await.expect(200).json();
    assert_eq!(made["assignment"]["travel"]["because"], because);
}

/// One wants a visit from the pool, and the engine says nothing: neither the ticket nor anybody else waits for it.
#[tokio::test]
async fn while_an_engine_is_silent_nothing_is_locked_and_then_it_is_decided_without() {
    let town = Town::new().await;
    let area = town.area().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let off = area.pooled().await;
    town.is_held.send_replace(true);
    let asked = town.requests();
    let take = |wanted: Wanted| {
        let ana = ana.clone();
        tokio::spawn(async move { ana.post(&format!("/visits/{}/take", wanted.visit), &json!({})).await })
    };
    let waiting = take(off);
    while town.requests() == asked {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cancelled = area.dora.post(&format!("/tickets/{}/cancel", off.ticket), &json!({ "reason": "customer" })).await;
    cancelled.expect(200);
    assert!(!waiting.is_finished(), "the desk did not wait, and she still does");
    town.is_held.send_replace(false);
    let answer = waiting.await.expect("an answer");
    assert_eq!((answer.problem(409).as_str(), &answer.json()["code"]), ("not-granted", &json!("cancelled")));

    // It takes requests again and answers none: then the drive is estimated.
    town.is_held.send_replace(true);
    for place in [(2.0, 2.0), (1.0, -2.0)] {
        let wanted = area.ask(Asked::at(area.site(Some(place)).await).of_type("pool")).await;
        area.app.relayed().await;
        take(wanted).await.expect("an answer").expect(201);
        let path = format!("/assignments/{}/explanation", area.assignment(wanted).await);
        let why = area.dora.get(&path).await.expect(200).json();
        assert_eq!((&why["travel"]["source"], &why["mode"]), (&json!("direct"), &json!("pool")));
        assert_eq!(why["travel"]["because"], "the routing engine did not answer in 5 s");
    }
}
