//! Routing engines that answer, and that do everything else, on a port of their own.

mod answered;
mod broken;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use callout_dispatch::{Commitment, Engineer, Interval, Place, Priority, Shift, Travel, Visit};
use serde_json::{Value, json};

use super::{Asking, Engine, Manner, Roads, Travelled};

/// A stand-in for a routing engine, which counts how often it is asked and for how many drives.
struct Fake {
    addr: SocketAddr,
    requests: Arc<AtomicUsize>,
    drives: Arc<AtomicUsize>,
}

impl Fake {
    /// One that answers every request so.
    async fn answering<R: IntoResponse>(
        answer: impl Fn(Request, SocketAddr) -> R + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::answering_after(Duration::ZERO, answer).await
    }

    /// The same, by one that takes its time.
    async fn answering_after<R: IntoResponse>(
        pause: Duration,
        answer: impl Fn(Request, SocketAddr) -> R + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("its address");
        let (requests, drives) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&requests);
        let handle = move |request: Request| {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer(request, addr).into_response();
            async move {
                tokio::time::sleep(pause).await;
                answer
            }
        };
        let app = Router::new().fallback(handle);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, requests, drives }
    }

    /// An OSRM where a drive takes as many seconds as [`seconds`] says.
    async fn osrm() -> Self {
        Self::osrm_after(Duration::ZERO).await
    }

    async fn osrm_after(pause: Duration) -> Self {
        let drives = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&drives);
        let fake = Self::answering_after(pause, move |request, _| {
            let (from, to) = asked(request.uri());
            counted.fetch_add(from.len() * to.len(), Ordering::Relaxed);
            table(&from, &to).to_string()
        })
        .await;
        Self { drives, ..fake }
    }

    /// A Valhalla that refuses as a real one does: a request with a place north of 61 degrees, or with places on both
    /// sides of the sea at 26 degrees east, or with two that are too far apart.
    async fn valhalla() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("its address");
        let (requests, drives) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&requests);
        let handle = move |request: Request| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                let body = to_bytes(request.into_body(), 1 << 20).await.expect("a question");
                let question: Value = serde_json::from_slice(&body).expect("JSON");
                let places = |side: &str| -> Vec<LatLon> {
                    let place =
                        |place: &Value| (place["lat"].as_f64().expect("lat"), place["lon"].as_f64().expect("lon"));
                    question[side].as_array().expect("places").iter().map(place).collect()
                };
                let (from, to) = (places("sources"), places("targets"));
                if let Some((code, error)) = refusal(&from, &to) {
                    let refusal = json!({ "error_code": code, "error": error, "status_code": 400 });
                    return (axum::http::StatusCode::BAD_REQUEST, refusal.to_string());
                }
                let row = |from: &LatLon| to.iter().map(|to| seconds(*from, *to)).collect::<Vec<_>>();
                let durations: Vec<_> = from.iter().map(row).collect();
                let answer = json!({ "sources_to_targets": { "durations": durations } });
                (axum::http::StatusCode::OK, answer.to_string())
            }
        };
        let app = Router::new().fallback(handle);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, requests, drives }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn drives(&self) -> usize {
        self.drives.load(Ordering::Relaxed)
    }

    fn roads(&self, kind: &str) -> Roads {
        self.roads_in(kind, |_| {})
    }

    fn roads_in(&self, kind: &str, change: impl FnOnce(&mut Manner)) -> Roads {
        let engine: Engine = format!("{kind}:http://{}", self.addr).parse().expect("an engine");
        let mut manner = Manner::of(&engine);
        change(&mut manner);
        Roads::by(Asking::new(engine, &manner).expect("a client"))
    }
}

type LatLon = (f64, f64);

/// The places that an OSRM is asked about.
fn asked(uri: &Uri) -> (Vec<LatLon>, Vec<LatLon>) {
    let path = uri.path().strip_prefix("/table/v1/driving/").expect("the table service");
    let places: Vec<(f64, f64)> = path
        .split(';')
        .map(|place| place.split_once(',').expect("two numbers"))
        .map(|(lon, lat)| (lat.parse().expect("a latitude"), lon.parse().expect("a longitude")))
        .collect();
    let list = |name: &str| -> Vec<(f64, f64)> {
        let query = uri.query().expect("a query").split('&').find_map(|one| one.strip_prefix(name)).expect("a list");
        query.split(';').map(|number| places[number.parse::<usize>().expect("a number")]).collect()
    };
    (list("sources="), list("destinations="))
}

/// What an OSRM answers.
fn table(from: &[(f64, f64)], to: &[(f64, f64)]) -> Value {
    let row = |from: &(f64, f64)| to.iter().map(|to| seconds(*from, *to)).collect::<Vec<_>>();
    let durations: Vec<_> = from.iter().map(row).collect();
    let waypoints = |places: &[(f64, f64)]| -> Vec<Value> {
        places.iter().map(|(lat, lon)| json!({ "location": [lon, lat], "name": "" })).collect()
    };
    json!({ "code": "Ok", "durations": durations, "sources": waypoints(from), "destinations": waypoints(to) })
}

/// Northwards it goes quickly, and to the island at 25 degrees east nobody drives.
fn seconds((lat, lon): (f64, f64), (to_lat, to_lon): (f64, f64)) -> Option<f64> {
    let is_island = |lon: f64| (lon - 25.0).abs() < 1e-6;
    let way = (to_lat - lat).max(0.0) * 1e5 + (lat - to_lat).max(0.0) * 3e5 + (to_lon - lon).abs() * 2e5;
    (is_island(lon) == is_island(to_lon)).then(|| (way * 10.0).round() / 10.0)
}

/// Why a Valhalla says nothing of these places together: first it looks how far they are apart, then for roads.
fn refusal(from: &[LatLon], to: &[LatLon]) -> Option<(u32, &'static str)> {
    let is_far = |from: &LatLon| to.iter().any(|to| place(from.0, from.1).distance_m(place(to.0, to.1)) > 400_000.0);
    if from.iter().any(is_far) {
        return Some((154, "Path distance exceeds the max distance limit: 400000 meters"));
    }
    let all = || from.iter().chain(to);
    let is_lost = all().any(|(lat, _)| *lat > 61.0);
    let is_parted = all().any(|(_, lon)| *lon > 26.0) && all().any(|(_, lon)| *lon <= 26.0);
    (is_lost || is_parted).then_some((170, "Locations are in unconnected regions. Go check/edit the map at osm.org"))
}

fn place(lat: f64, lon: f64) -> Place {
    Place::new(lat, lon).expect("a place")
}

/// Visits in a row, a minute of latitude apart.
fn visits(count: u32) -> Vec<Visit> {
    (0..count).map(|number| Visit::new(place(60.0 + f64::from(number) / 2000.0, 24.0), 600)).collect()
}

/// Engineers with a shift and so many appointments each.
fn engineers(count: u32, booked: u32) -> Vec<Engineer> {
    let engineer = |number: u32| {
        let lat = 60.0 + f64::from(number) / 2000.0;
        let mut engineer = Engineer::new(place(lat, 24.5));
        engineer.shifts.push(Shift::round_trip(Interval::new(0, 36_000).expect("ten hours"), engineer.home));
        engineer.commitments.extend((0..booked).map(|hour| Commitment {
            place: place(lat, 24.6 + f64::from(hour) / 100.0),
            interval: Interval::new(i64::from(hour) * 3_600, i64::from(hour) * 3_600 + 600).expect("ten minutes"),
            priority: Priority::LEAST_URGENT,
        }));
        engineer
    };
    (0..count).map(engineer).collect()
}

/// How long it takes between two places that have been numbered.
fn drive_s(travelled: &Travelled, from: Place, to: Place) -> Option<i64> {
    let Travel::Table { table, .. } = &travelled.travel else { panic!("no table: {:?}", travelled.used) };
    table.seconds(from.row().expect("a row"), to.row().expect("a row"))
}

/// Asks, and then numbers the places.
async fn travel(roads: &Roads, engineers: &mut [Engineer], visits: &mut [Visit]) -> Travelled {
    let answered = roads.inquire(engineers, visits).await;
    answered.travel(engineers, visits, 1.4).expect("an answer, whatever the engine does")
}

/// A body that begins and never ends.
fn endless(first: &'static str) -> Body {
    use futures_util::StreamExt;
    let first = futures_util::stream::once(std::future::ready(Ok::<_, std::io::Error>(first)));
    Body::from_stream(first.chain(futures_util::stream::pending()))
}

/// Long enough for a machine that is busy with other tests, and short for somebody who waits in vain.
const SHORT: Duration = Duration::from_millis(300);

fn as_response(body: Body) -> Response {
    Response::new(body)
}
