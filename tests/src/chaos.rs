//! The oracle of the whole: many phones and an office work on one company through several server processes, while the
//! processes are killed and replaced, their database is torn down, and the road between cuts and doubles requests. Then
//! everything is let to rest, and everybody is asked what they see:
//!
//! - each phone's ledger against the database and the blob store: nothing saved is lost, nothing acknowledged is missing;
//! - each phone that was there all along, a fresh phone of the same engineer, and the tables: the same tickets, the same
//!   changes, the same status;
//! - the tables against what the changes make of them when they are dropped and built again;
//! - what the office was told is done: done, and done once;
//! - what the servers answered: never an error of their own.
//!
//! [`run`] is one such episode. Its length is counted in rounds, not in seconds, so that a busy machine sees the same.

mod crowd;
mod office;
mod storm;
mod outcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callout_server::platform::clock::Clock;
use callout_server::platform::postgres::Durability;
use indicatif::ProgressBar;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub use outcome::Outcome;

use crate::actor::{Actor, new_key};
use crate::desk::Visit;
use crate::fleet::Fleet;
use crate::phone::{Faults, Phone};
use crate::road::{self, Hazards, Road};
use crate::tenant::TestTenant;

/// How large an episode is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Names its directory.
    pub name: String,
    /// What is left to chance is drawn from this; the moment of a kill is not.
    pub seed: u64,
    pub servers: usize,
    pub phones: usize,
    /// What each phone does: a few deeds, then an exchange or two.
    pub rounds: usize,
    /// Exchanges between two faults.
    pub calm: usize,
    /// Threads for the phones.
    pub threads: usize,
}

/// What an episode is made of, and how far it has come.
struct Stage {
    tenant: TestTenant,
    road: Road,
    /// Does what offices do.
    dora: Actor,
    /// Writes notes, and counts them.
    eve: Actor,
    engineers: Vec<Actor>,
    visits: Vec<Visit>,
    pace: Arc<Pace>,
}

/// How far the phones have come.
#[derive(Debug, Default)]
pub struct Pace {
    exchanges: AtomicUsize,
    rounds: AtomicUsize,
    finished: AtomicUsize,
}

impl Pace {
    fn exchanged(&self) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
    }

    fn so_far(&self) -> usize {
        self.exchanges.load(Ordering::Relaxed)
    }
}

/// Plays one episode. The bar, if there is one, moves with each phone's round.
pub async fn run(settings: &Settings, bar: Option<&ProgressBar>) -> Outcome {
    let mut fleet = Fleet::start(&settings.name, settings.servers, Durability::Full).await;
    let observer = fleet.observer().await;
    let road = Road::to(fleet.addresses(), settings.seed).await;
    let tenant = TestTenant::create(observer.state(), "chaos", road.url(), road::client()).await;
    let (stage, phones) = set_up(settings, tenant, road).await;
    // From here on the three are alone with their work.
    observer.stop().await.expect("the observer stops");

    stage.road.set_hazards(Hazards::storm());
    let crowd = crowd::live(phones, settings, &stage.pace);
    let weather = storm::rage(&mut fleet, settings, &stage.pace, bar);
    let desk = office::work(&stage, settings);
    let ((weather, mut edited), crowd) = tokio::join!(async { tokio::join!(weather, desk) }, crowd);
    let (phones, tally) = crowd;

    stage.road.set_hazards(Hazards::default());
    fleet.revive().await;
    let observer = fleet.observer().await;
    let tenant = stage.tenant.clone().on(observer.state());
    let phones = crowd::come_to_rest(phones, settings, &tenant, &fleet).await;
    let mut outcome = outcome::gather(&fleet, observer.state(), &tenant, &stage.engineers, phones).await;
    outcome.add_run(settings, &stage.road, tally, weather, &mut edited);
    outcome.check_office(&mut fleet.cluster.superuser().await, &edited).await;
    observer.stop().await.expect("the observer stops");
    outcome.note_log(&fleet.log());
    outcome
}

/// An office, engineers, of whom every fourth has two phones, and three visits for each.
async fn set_up(settings: &Settings, tenant: TestTenant, road: Road) -> (Stage, Vec<Phone>) {
    let mut dice = StdRng::seed_from_u64(settings.seed);
    let (dora, eve) = (tenant.dispatcher("dora").await, tenant.dispatcher("eve").await);
    let (mut engineers, mut phones) = (Vec::new(), Vec::new());
    while phones.len() < settings.phones {
        let number = engineers.len();
        let owner = tenant.engineer(&format!("engineer{number}")).await;
        let has_two = number % 4 == 0 && phones.len() + 1 < settings.phones;
        for _ in 0..if has_two { 2 } else { 1 } {
            let session = tenant.sign_in_again(&owner).await;
            let device = session.enrol(&new_key()).await;
            let mut phone = Phone::in_own_directory(session, device, Clock::system(), dice.random());
            phone.with_faults(Faults { doubled: 5, shuffled: 8, requests_lost: 3, replies_lost: 5 });
            phones.push(phone);
        }
        engineers.push(owner);
    }
    let mut visits = Vec::new();
    for _ in 0..3 {
        for engineer in &engineers {
            visits.push(dora.new_visit().assigned_to(engineer).save().await);
        }
    }
    let pace = Arc::new(Pace::default());
    (Stage { tenant, road, dora, eve, engineers, visits, pace }, phones)
}
