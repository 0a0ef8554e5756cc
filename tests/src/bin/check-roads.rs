//! Compares what planning is told of drives with what a real OSRM says when it is asked directly: `tests/roads/run` starts
//! one and calls this.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use callout_dispatch::{Engineer, Interval, Place, Shift, Travel, TravelTable, Visit};
use callout_server::planning::travel::{Asking, Engine, Manner, Roads, TravelUsed};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, url] = arguments.as_slice() else { anyhow::bail!("check-roads helsinki|islands|nobody URL") };
    wait_for(url, what == "nobody").await?;
    match what.as_str() {
        "helsinki" => helsinki(url).await,
        "islands" => islands(url).await,
        "nobody" => nobody(url).await,
        other => anyhow::bail!("{other} is none of helsinki, islands, nobody"),
    }
}

/// A hundred visits and twenty engineers in the middle of town: every drive is the one that OSRM names when it is asked
/// for that drive alone, however the question is cut; and a visit in Stockholm is off the map.
async fn helsinki(url: &str) -> anyhow::Result<()> {
    let (whole, began) = (roads(url, |_| {})?, Instant::now());
    let board = Board::of(&whole).await?;
    let took = began.elapsed();
    ensure!(board.used.source == "osrm" && board.used.off_the_map == 0, "{:?}", board.used);
    let cut = Board::of(&roads(url, |manner| manner.limits.pairs = 256)?).await?;
    let began = Instant::now();
    let again = Board::of(&whole).await?;
    let took_again = began.elapsed();
    let mut compared = 0;
    for (number, from) in board.places().enumerate() {
        for (other, to) in board.places().enumerate() {
            let Some(seconds) = board.drive_s(from, to) else { continue };
            let alike = [&cut, &again].map(|board| {
                let places: Vec<Place> = board.places().collect();
                board.drive_s(places[number], places[other])
            });
            ensure!(alike == [Some(seconds); 2], "{seconds} s in one request, {alike:?} in many and again");
            compared += 1;
        }
    }
    let places: Vec<Place> = board.places().collect();
    let (mut direct, mut holes) = (0, 0);
    for (from, to) in (0..places.len()).map(|number| (places[number], places[(number * 37 + 11) % 100])) {
        let alone = ask_alone(url, from, to).await?.map(|seconds| seconds.ceil() as i64);
        let known = board.drive_s(from, to);
        ensure!(known == alone, "{known:?}, and {alone:?} when it is asked for alone");
        direct += 1;
        holes += i32::from(alone.is_none());
    }
    ensure!(compared > 8_000 && direct == 120, "{compared} and {direct}");
    println!(
        "helsinki: {compared} drives in {:.0} ms, the same in {:.1} ms from memory; the same in small requests; {direct} asked for alone are the same, {holes} of them holes",
        took.as_secs_f64() * 1e3,
        took_again.as_secs_f64() * 1e3,
    );
    let mut wanted = [
        Visit::new(place(60.17, 24.94)?, 600),
        Visit::new(place(59.33, 18.06)?, 600),
        Visit::new(place(60.16, 24.93)?, 600),
    ];
    let answered = whole.inquire(&[], &wanted).await;
    let used = answered.travel(&mut [], &mut wanted, 1.4)?.used;
    ensure!(used.off_the_map == 1 && wanted[1].place.row().is_none(), "{used:?}");
    println!("helsinki: Stockholm is off the map, and the rest is measured");
    Ok(())
}

/// On an island one drives, and from one to the other nobody does.
async fn islands(url: &str) -> anyhow::Result<()> {
    let mut wanted = [(10.01, 20.01), (10.03, 20.03), (10.02, 20.22)]
        .map(|(lat, lon)| place(lat, lon).map(|place| Visit::new(place, 600)))
        .into_iter()
        .collect::<anyhow::Result<Vec<Visit>>>()?;
    let travelled = roads(url, |_| {})?.inquire(&[], &wanted).await.travel(&mut [], &mut wanted, 1.4)?;
    ensure!(travelled.used.source == "osrm" && travelled.used.off_the_map == 0, "{:?}", travelled.used);
    let Travel::Table { table, .. } = travelled.travel else { anyhow::bail!("no table") };
    let at = |visit: usize| wanted[visit].place.row().context("a row");
    for (from, to) in [(0, 2), (2, 1), (1, 2)] {
        ensure!(ask_alone(url, wanted[from].place, wanted[to].place).await?.is_none(), "the islands are joined");
        ensure!(table.seconds(at(from)?, at(to)?).is_none(), "a drive over the sea");
    }
    ensure!(table.seconds(at(0)?, at(1)?).is_some_and(|seconds| seconds > 60), "no drive on the island");
    println!("islands: null is no road, in both directions");
    Ok(())
}

/// Where the engine was, nobody is: drives are estimated, and it says why.
async fn nobody(url: &str) -> anyhow::Result<()> {
    let mut wanted = [Visit::new(place(60.17, 24.94)?, 600), Visit::new(place(60.16, 24.93)?, 600)];
    let used = roads(url, |_| {})?.inquire(&[], &wanted).await.travel(&mut [], &mut wanted, 1.4)?.used;
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

fn roads(url: &str, change: impl FnOnce(&mut Manner)) -> anyhow::Result<Roads> {
    let engine: Engine = format!("osrm:{url}").parse()?;
    let mut manner = Manner::of(&engine);
    change(&mut manner);
    Ok(Roads::by(Asking::new(engine, &manner)?))
}

fn place(lat: f64, lon: f64) -> anyhow::Result<Place> {
    Ok(Place::new(lat, lon)?)
}

/// One drive, without anything of ours in between; at the places to which ours are rounded.
async fn ask_alone(url: &str, from: Place, to: Place) -> anyhow::Result<Option<f64>> {
    let at = |place: Place| format!("{:.4},{:.4}", place.longitude_deg(), place.latitude_deg());
    let ask = format!("{url}/table/v1/driving/{};{}?sources=0&destinations=1", at(from), at(to));
    let answer: Value = reqwest::get(ask).await?.json().await?;
    ensure!(answer["code"] == "Ok", "{answer}");
    Ok(answer["durations"][0][0].as_f64())
}

/// The engine has only just been started; or it has been stopped.
async fn wait_for(url: &str, is_gone: bool) -> anyhow::Result<()> {
    for _ in 0..200 {
        if reqwest::get(url).await.is_err() == is_gone {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{url} is not as it should be within ten seconds")
}
