//! Compares what planning is told of drives with what a real OSRM or Valhalla says when it is asked directly:
//! `tests/roads/run` starts one and calls this.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use callout_dispatch::{Engineer, Interval, Place, Shift, Travel, TravelTable, Visit};
use callout_server::planning::travel::{Asking, Engine, EngineKind, Manner, Roads, TravelUsed};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, what, url] = arguments.as_slice() else {
        anyhow::bail!("check-roads osrm|valhalla helsinki|islands|nobody URL")
    };
    let kind = format!("{kind}:{url}").parse::<Engine>()?.kind;
    let real = Real { kind, url: url.clone(), http: reqwest::Client::new() };
    real.wait(what == "nobody").await?;
    match what.as_str() {
        "helsinki" => helsinki(&real).await,
        "islands" => islands(&real).await,
        "nobody" => nobody(&real).await,
        other => anyhow::bail!("{other} is none of helsinki, islands, nobody"),
    }
}

/// A hundred visits and twenty engineers in the middle of town: every drive is the one that the engine names when it is
/// asked for that drive alone, however the question is cut; and visits in Stockholm and Lapland are off the map.
async fn helsinki(real: &Real) -> anyhow::Result<()> {
    let (whole, began) = (real.roads(|_| {})?, Instant::now());
    let board = Board::of(&whole).await?;
    let took = began.elapsed();
    ensure!(board.used == TravelUsed::measured(real.kind, 0), "{:?}", board.used);
    let cut = Board::of(&real.roads(|manner| manner.limits.pairs = 256)?).await?;
    let began = Instant::now();
    let again = Board::of(&whole).await?;
    let took_again = began.elapsed();
    let places: Vec<Place> = board.places().collect();
    let [same_cut, same_again] = [&cut, &again].map(|board| board.places().collect::<Vec<Place>>());
    let mut compared = Compared::default();
    for from in 0..places.len() {
        for to in 0..places.len() {
            let known = board.drive_s(places[from], places[to]);
            ensure!(known == again.drive_s(same_again[from], same_again[to]), "{known:?}, and else from memory");
            compared.see(known, cut.drive_s(same_cut[from], same_cut[to]))?;
        }
    }
    ensure!(compared.drives > 8_000, "{compared:?}");
    let (mut alone, mut holes) = (Compared::default(), 0);
    for (from, to) in (0..places.len()).map(|number| (places[number], places[(number * 37 + 11) % 100])) {
        let asked = real.alone(from, to).await?;
        alone.see(board.drive_s(from, to), asked)?;
        if asked.is_none() {
            ensure!(!real.leads(from, to).await?, "a hole in the table where there is a route");
            holes += 1;
        }
    }
    for (name, compared) in [("in requests of another size", &compared), ("asked for alone", &alone)] {
        ensure!(compared.unlike <= real.most_unlike(compared.drives), "{name}: {compared:?}");
    }
    println!(
        "helsinki: {} drives in {:.0} ms, the same in {:.1} ms from memory; in small requests {}; of {} asked for alone \
         {}; {holes} more are holes, and no route leads there",
        compared.drives,
        took.as_secs_f64() * 1e3,
        took_again.as_secs_f64() * 1e3,
        compared.outcome(),
        alone.drives,
        alone.outcome(),
    );
    let (stockholm, rovaniemi) = ((59.33, 18.06), [(66.5, 25.72), (66.49, 25.7)]);
    let mut wanted = visits(vec![(60.17, 24.94), stockholm, rovaniemi[0], rovaniemi[1], (60.16, 24.93)])?;
    let travelled = whole.inquire(&[], &wanted).await.travel(&mut [], &mut wanted, 1.4)?;
    ensure!(travelled.used == TravelUsed::measured(real.kind, 3), "{:?}", travelled.used);
    let rows: Vec<bool> = wanted.iter().map(|visit| visit.place.row().is_some()).collect();
    ensure!(rows == [true, false, false, false, true], "{rows:?}");
    println!("helsinki: Stockholm and Rovaniemi are off the map, and the rest is measured");
    Ok(())
}

/// On an island one drives, and from one to the other nobody does.
async fn islands(real: &Real) -> anyhow::Result<()> {
    let places = [(10.01, 20.01), (10.01, 21.01), (10.02, 20.22), (14.51, 20.01)];
    let more = [(10.03, 20.03), (10.03, 21.03), (10.04, 20.24), (14.53, 20.03)];
    let mut wanted = visits([places, more].concat())?;
    let travelled = real.roads(|_| {})?.inquire(&[], &wanted).await.travel(&mut [], &mut wanted, 1.4)?;
    ensure!(travelled.used == TravelUsed::measured(real.kind, 0), "{:?}", travelled.used);
    let Travel::Table { table, .. } = travelled.travel else { anyhow::bail!("no table") };
    let (mut driven, mut parted) = (0, 0);
    for (number, other) in (0..8).flat_map(|number| (0..8).map(move |other| (number, other))) {
        let (from, to) = (wanted[number].place, wanted[other].place);
        let known = table.seconds(from.row().context("a row")?, to.row().context("a row")?);
        if number % 4 != other % 4 {
            ensure!(real.alone(from, to).await?.is_none(), "the islands are joined");
            ensure!(known.is_none(), "a drive over the sea");
            parted += 1;
        } else if number != other {
            ensure!(known.is_some_and(|seconds| seconds > 60), "no drive on the island");
            driven += 1;
        }
    }
    ensure!((driven, parted) == (8, 48), "{driven} and {parted}");
    println!("islands: {driven} drives on an island, and none of {parted} over the sea");
    Ok(())
}

/// Where the engine was, nobody is: drives are estimated, and it says why.
async fn nobody(real: &Real) -> anyhow::Result<()> {
    let mut wanted = visits(vec![(60.17, 24.94), (60.16, 24.93)])?;
    let used = real.roads(|_| {})?.inquire(&[], &wanted).await.travel(&mut [], &mut wanted, 1.4)?.used;
    ensure!(used == TravelUsed::direct(Some("the routing engine cannot be reached".to_owned())), "{used:?}");
    println!("nobody: {}", used.because.unwrap_or_default());
    Ok(())
}

struct Board {
    crew: Vec<Engineer>,
    wanted: Vec<Visit>,
    table: TravelTable,
    used: TravelUsed,
}

impl Board {
    async fn of(roads: &Roads) -> anyhow::Result<Self> {
        let mut wanted = Vec::new();
        for number in 0..100_u32 {
            let (row, column) = (f64::from(number / 10), f64::from(number % 10));
            wanted.push(Visit::new(place(60.160 + row * 0.0016, 24.925 + column * 0.0034)?, 1_800));
        }
        let mut crew = Vec::new();
        for number in 0..20_u32 {
            let mut engineer =
                Engineer::new(place(60.161 + f64::from(number) * 0.0008, 24.930 + f64::from(number % 7) * 0.0041)?);
            engineer.shifts.push(Shift::round_trip(Interval::new(0, 28_800)?, engineer.home));
            crew.push(engineer);
        }
        let travelled = roads.inquire(&crew, &wanted).await.travel(&mut crew, &mut wanted, 1.4)?;
        let Travel::Table { table, .. } = travelled.travel else { anyhow::bail!("no table: {:?}", travelled.used) };
        Ok(Self { crew, wanted, table, used: travelled.used })
    }

    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.wanted.iter().map(|visit| visit.place).chain(self.crew.iter().map(|engineer| engineer.home))
    }

    fn drive_s(&self, from: Place, to: Place) -> Option<i64> {
        self.table.seconds(from.row()?, to.row()?)
    }
}

/// Drives that were asked for in two ways.
#[derive(Debug, Default)]
struct Compared {
    drives: usize,
    unlike: usize,
    /// The largest difference.
    apart_s: i64,
}

impl Compared {
    /// Both know a drive, or neither does.
    fn see(&mut self, one: Option<i64>, other: Option<i64>) -> anyhow::Result<()> {
        ensure!(one.is_some() == other.is_some(), "{one:?} and {other:?}");
        let Some((one, other)) = one.zip(other) else { return Ok(()) };
        self.drives += 1;
        self.unlike += usize::from(one != other);
        self.apart_s = self.apart_s.max((one - other).abs());
        ensure!(self.apart_s < 300, "{one} s and {other} s");
        Ok(())
    }

    fn outcome(&self) -> String {
        match self.unlike {
            0 => "all are the same".to_owned(),
            unlike => format!("all but {unlike} are the same (at most {} s apart)", self.apart_s),
        }
    }
}

/// An engine that is asked without anything of ours in between; at the places to which ours are rounded.
struct Real {
    kind: EngineKind,
    url: String,
    http: reqwest::Client,
}

impl Real {
    /// The same engine, asked by us.
    fn roads(&self, change: impl FnOnce(&mut Manner)) -> anyhow::Result<Roads> {
        let engine: Engine = format!("{}:{}", self.kind, self.url).parse()?;
        let mut manner = Manner::of(&engine);
        change(&mut manner);
        Ok(Roads::by(Asking::new(engine, &manner)?))
    }

    /// Of so many drives, how many it may say differently when it is asked in another way. Valhalla puts a place beside a
    /// crossing on all its streets, and from one such place to the next it takes one street or another (0 s or once round
    /// the block) by what else was in the request.
    fn most_unlike(&self, drives: usize) -> usize {
        match self.kind {
            EngineKind::Osrm => 0,
            EngineKind::Valhalla => drives.div_ceil(200),
        }
    }

    /// One drive, in whole seconds.
    async fn alone(&self, from: Place, to: Place) -> anyhow::Result<Option<i64>> {
        let (status, answer) = match self.kind {
            EngineKind::Osrm => {
                let path = format!("table/v1/driving/{};{}?sources=0&destinations=1", text(from), text(to));
                self.get(&path).await?
            }
            EngineKind::Valhalla => {
                let ask =
                    json!({ "sources": [spot(from)], "targets": [spot(to)], "costing": "auto", "verbose": false });
                self.post("sources_to_targets", &ask).await?
            }
        };
        let seconds = match self.kind {
            EngineKind::Osrm => &answer["durations"][0][0],
            EngineKind::Valhalla => &answer["sources_to_targets"]["durations"][0][0],
        };
        // Valhalla refuses where it sees that no road can lead there, before 3.6.3 also where it finds none, and does not
        // look farther than 400 km.
        let is_known = status == 200 || [170, 442, 154].map(Value::from).contains(&answer["error_code"]);
        ensure!(is_known, "{status}: {answer}");
        Ok(seconds.as_f64().map(|seconds| seconds.ceil() as i64))
    }

    /// Whether a route leads from here to there.
    async fn leads(&self, from: Place, to: Place) -> anyhow::Result<bool> {
        let (status, answer) = match self.kind {
            EngineKind::Osrm => {
                self.get(&format!("route/v1/driving/{};{}?overview=false", text(from), text(to))).await?
            }
            EngineKind::Valhalla => {
                self.post("route", &json!({ "locations": [spot(from), spot(to)], "costing": "auto" })).await?
            }
        };
        let is_none = answer["code"] == "NoRoute" || answer["error_code"] == 442;
        ensure!(status == 200 || is_none, "{status}: {answer}");
        Ok(!is_none)
    }

    async fn get(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        let response = self.http.get(format!("{}/{path}", self.url)).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    async fn post(&self, path: &str, ask: &Value) -> anyhow::Result<(u16, Value)> {
        let response = self.http.post(format!("{}/{path}", self.url)).json(ask).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// It has only just been started; or it has been stopped.
    async fn wait(&self, is_gone: bool) -> anyhow::Result<()> {
        for _ in 0..200 {
            if self.http.get(&self.url).send().await.is_err() == is_gone {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("{} is not as it should be within ten seconds", self.url)
    }
}

fn visits(places: Vec<(f64, f64)>) -> anyhow::Result<Vec<Visit>> {
    places.into_iter().map(|(lat, lon)| Ok(Visit::new(place(lat, lon)?, 600))).collect()
}

fn place(lat: f64, lon: f64) -> anyhow::Result<Place> {
    Ok(Place::new(lat, lon)?)
}

fn text(place: Place) -> String {
    format!("{:.4},{:.4}", place.longitude_deg(), place.latitude_deg())
}

fn spot(place: Place) -> Value {
    let round = |degrees: f64| (degrees * 1e4).round() / 1e4;
    json!({ "lat": round(place.latitude_deg()), "lon": round(place.longitude_deg()), "search_cutoff": 2_000 })
}
