//! What happens to the servers, every so many exchanges.

use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::ProgressBar;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::{Pace, Settings};
use crate::fleet::Fleet;

/// What was done to them, and how long it took until all answered again.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    /// `kill -9` of one server or more.
    pub kills: Vec<Duration>,
    /// All servers replaced, one by one.
    pub roll_outs: usize,
    /// The database torn down and recovered.
    pub tear_downs: Vec<Duration>,
}

/// Goes on until every phone has done its rounds.
pub async fn rage(fleet: &mut Fleet, settings: &Settings, pace: &Pace, bar: Option<&ProgressBar>) -> Weather {
    let (mut weather, mut dice) = (Weather::default(), StdRng::seed_from_u64(settings.seed ^ 0x57_0312));
    let mut next = settings.calm;
    while pace.finished.load(Ordering::Relaxed) < settings.phones {
        if let Some(bar) = bar {
            bar.set_position(u64::try_from(pace.rounds.load(Ordering::Relaxed)).unwrap_or(0));
        }
        if pace.so_far() < next {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        next = pace.so_far() + settings.calm;
        match dice.random_range(0..100) {
            0..65 => {
                let mut doomed: Vec<usize> = (0..settings.servers).collect();
                doomed.shuffle(&mut dice);
                doomed.truncate(if dice.random_ratio(1, 5) { settings.servers } else { 1 });
                fleet.kill(&doomed).await;
                weather.kills.push(fleet.revive().await);
            }
            65..80 => {
                fleet.roll().await;
                weather.roll_outs += 1;
            }
            _ => {
                let begun = std::time::Instant::now();
                fleet.cluster.tear_down();
                fleet.ready().await;
                weather.tear_downs.push(begun.elapsed());
            }
        }
    }
    weather
}
