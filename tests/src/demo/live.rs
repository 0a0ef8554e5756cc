//! After the table: the engineers drive about, and the server stays up, until somebody presses Ctrl-C.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use callout_server::platform::clock::Clock;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::company::{Company, DISPATCHER, PASSWORD};
use crate::actor::Actor;
use crate::serve::Server;

const EVERY: Duration = Duration::from_secs(2);
/// City traffic.
const METRES_PER_SECOND: f64 = 9.0;
/// Well within the life of an access token.
const REFRESH_EVERY: Duration = Duration::from_secs(8 * 60);

/// Where somebody is, and where she goes next.
struct Drive {
    at: (f64, f64),
    stops: Vec<(f64, f64)>,
    next: usize,
}

/// Reports a position for every engineer every two seconds until Ctrl-C or SIGTERM.
pub async fn until_interrupted(server: &Server, mut company: Company) {
    let url = &server.url;
    println!("\n  The API and its documentation   {url}/docs");
    println!("  Sign in there as                {DISPATCHER}, password {PASSWORD:?}");
    println!("  Live positions                  GET {url}/api/v1/positions, and as a stream GET {url}/api/v1/live");
    println!("  Ctrl-C stops the server\n");
    let mut drives = drives(&company).await;
    let mut terminate = signal(SignalKind::terminate()).expect("signals");
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals");
    let (mut tick, mut refreshed, mut reported) = (tokio::time::interval(EVERY), Instant::now(), 0_u64);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = tick.tick() => {}
        }
        if refreshed.elapsed() > REFRESH_EVERY {
            join_all(company.phones_mut().iter_mut().map(|phone| phone.owner.refresh())).await;
            refreshed = Instant::now();
        }
        drives.iter_mut().for_each(Drive::go_on);
        let reports = company.phones_mut().iter().zip(&drives).map(|(phone, drive)| report(&phone.owner, drive.at));
        reported += join_all(reports).await.into_iter().sum::<u64>();
        if std::io::stdout().is_terminal() {
            print!("\r  {reported} positions reported ");
            // Nothing depends on what a person sees here.
            let _ = std::io::stdout().flush();
        }
    }
    println!();
}

/// Each engineer from home to one site after the other.
async fn drives(company: &Company) -> Vec<Drive> {
    let mut drives = Vec::new();
    for engineer in &company.engineers {
        let page = company.desk.get(&format!("/visits?engineer_id={}&limit=20", engineer.user)).await.json();
        let place = |visit: &Value| Some((visit["position"]["lat"].as_f64()?, visit["position"]["lon"].as_f64()?));
        let mut stops: Vec<_> = page["items"].as_array().into_iter().flatten().filter_map(place).collect();
        stops.push(engineer.home);
        drives.push(Drive { at: engineer.home, stops, next: 0 });
    }
    drives
}

impl Drive {
    fn go_on(&mut self) {
        const METRES_PER_DEGREE: f64 = 111_320.0;
        let (lat, lon) = self.stops[self.next];
        let shrink = self.at.0.to_radians().cos();
        let (north, east) = ((lat - self.at.0) * METRES_PER_DEGREE, (lon - self.at.1) * METRES_PER_DEGREE * shrink);
        let (distance, reach) = (north.hypot(east), METRES_PER_SECOND * EVERY.as_secs_f64());
        if distance <= reach {
            self.at = (lat, lon);
            self.next = (self.next + 1) % self.stops.len();
        } else {
            let part = reach / distance;
            self.at = (self.at.0 + (lat - self.at.0) * part, self.at.1 + (lon - self.at.1) * part);
        }
    }
}

/// How many fixes the server took; none while it is stopping.
async fn report(engineer: &Actor, (lat, lon): (f64, f64)) -> u64 {
    let now = Clock::system().now();
    let fix = json!({
        "device_time": now, "lat": lat, "lon": lon, "accuracy_m": 8.0, "heading_deg": null, "speed_mps": METRES_PER_SECOND,
    });
    let request = engineer.request(Method::POST, "/positions").json(&json!({ "sent_at": now, "fixes": [fix] }));
    let Ok(answer) = request.send().await else { return 0 };
    answer.json::<Value>().await.ok().and_then(|view| view["accepted"].as_u64()).unwrap_or(0)
}
