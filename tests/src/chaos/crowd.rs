//! The phones: each does what its owner might, whatever the network is like, on a few threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use sync_core::document::FactBody;
use sync_core::ids::VisitId;
use sync_core::replica::{ExecuteError, Failure};
use sync_core::time::ServerTime;

use super::{Pace, Settings};
use crate::fleet::Fleet;
use crate::phone::{Deed, Exchanged, Faults, Phone};
use crate::road;
use crate::tenant::TestTenant;

/// What became of the exchanges of all phones.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub answered: usize,
    /// By status; 0 is no answer at all.
    pub failed: BTreeMap<u16, usize>,
    /// Replies that were not the answer to what was asked.
    pub not_ours: Vec<String>,
    pub deeds: usize,
    pub forged: usize,
    pub restarts: usize,
    pub clones: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        for (status, count) in other.failed {
            *self.failed.entry(status).or_default() += count;
        }
        self.not_ours.extend(other.not_ours);
        self.deeds += other.deeds;
        self.forged += other.forged;
        self.restarts += other.restarts;
        self.clones += other.clones;
    }
}

/// All phones at once, until each has done its rounds. There may be more afterwards: some were restored from a backup.
pub async fn live(phones: Vec<Phone>, settings: &Settings, pace: &Arc<Pace>) -> (Vec<Phone>, Tally) {
    let (rounds, seed, pace) = (settings.rounds, settings.seed, Arc::clone(pace));
    let lived = on_threads(phones, settings.threads, async move |number, phone| {
        let dice = StdRng::seed_from_u64(seed ^ (0x9403_0000 + number));
        live_one(phone, rounds, dice, &pace).await
    });
    let (mut all, mut tally) = (Vec::new(), Tally::default());
    for (phones, one) in lived.await {
        all.extend(phones);
        tally.add(one);
    }
    (all, tally)
}

/// Everybody comes back over a good road, until nothing is left to send or to fetch anywhere.
pub async fn come_to_rest(phones: Vec<Phone>, settings: &Settings, tenant: &TestTenant, fleet: &Fleet) -> Vec<Phone> {
    let mut phones = phones;
    // A session may be older than its token lives; that of a phone and its copy has ended when both refreshed it.
    for phone in &mut phones {
        let session = tenant.sign_in_again(&phone.owner).await;
        let device = session.enrol(&phone.device.signer).await;
        assert_eq!(device.id, phone.device.id, "the same key is the same device");
        phone.owner = session;
    }
    // Twice: what one brings, the others see only then.
    for _ in 0..2 {
        phones = on_threads(phones, settings.threads, async |_, mut phone: Phone| {
            phone.with_faults(Faults::default()).online().await;
            phone
        })
        .await;
        settle(fleet).await;
    }
    phones
}

/// Waits until everything committed can be read from the feed.
async fn settle(fleet: &Fleet) {
    let mut database = fleet.cluster.superuser().await;
    let end: String = sqlx::query_scalar("select pg_snapshot_xmax(pg_current_snapshot())::text")
        .fetch_one(&mut database)
        .await
        .expect("the end of the feed");
    let is_past = "select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8";
    while !sqlx::query_scalar::<_, bool>(is_past).bind(&end).fetch_one(&mut database).await.expect("its horizon") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Runs this for every phone, on so many threads: a phone's store is not to be shared between threads, so a phone stays
/// on one.
async fn on_threads<T: Send + 'static>(
    phones: Vec<Phone>,
    threads: usize,
    work: impl AsyncFn(u64, Phone) -> T + Clone + Send + 'static,
) -> Vec<T> {
    let mut parts: Vec<Vec<(u64, Phone)>> = (0..threads.max(1)).map(|_| Vec::new()).collect();
    for (number, phone) in (0..).zip(phones) {
        let at = usize::try_from(number).unwrap_or(0) % parts.len();
        parts[at].push((number, phone));
    }
    let runs = parts.into_iter().map(|part| {
        let work = work.clone();
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let http = road::client();
                join_all(part.into_iter().map(|(number, mut phone)| {
                    phone.owner.http = http.clone();
                    work(number, phone)
                }))
                .await
            })
        })
    });
    let mut done = Vec::new();
    for part in join_all(runs).await {
        done.extend(part.expect("a thread of phones"));
    }
    done
}

async fn live_one(phone: Phone, rounds: usize, mut dice: StdRng, pace: &Pace) -> (Vec<Phone>, Tally) {
    let (mut phones, mut tally) = (vec![phone], Tally::default());
    for _ in 0..rounds {
        let at = dice.random_range(0..phones.len());
        let mut phone = phones.swap_remove(at);
        for _ in 0..dice.random_range(1..=4) {
            act(&mut phone, &mut dice, &mut tally);
        }
        for _ in 0..dice.random_range(1..=2) {
            exchange(&mut phone, &mut tally).await;
            pace.exchanged();
        }
        if dice.random_ratio(1, 3) {
            match dice.random() {
                true => drop(phone.upload().await),
                false => drop(phone.upload_in_pieces(dice.random_range(1_000..16_000)).await),
            }
        }
        match dice.random_range(0..100) {
            0..6 => {
                phone = phone.restart();
                tally.restarts += 1;
            }
            // Now there are two of it, and both go on.
            6..8 if phones.is_empty() => {
                phones.push(phone.restored_from_backup(dice.random()));
                tally.clones += 1;
            }
            _ => {}
        }
        phones.push(phone);
        pace.rounds.fetch_add(1, Ordering::Relaxed);
    }
    pace.finished.fetch_add(1, Ordering::Relaxed);
    (phones, tally)
}

async fn exchange(phone: &mut Phone, tally: &mut Tally) {
    match phone.exchange().await {
        Exchanged::Answered(_) => tally.answered += 1,
        Exchanged::Failed(Failure::SignIn) => {
            *tally.failed.entry(401).or_default() += 1;
            phone.owner.try_refresh().await;
        }
        Exchanged::Failed(Failure::Server { status, .. }) => *tally.failed.entry(status).or_default() += 1,
        Exchanged::Failed(Failure::Offline) => *tally.failed.entry(0).or_default() += 1,
        Exchanged::Fault(fault) => tally.not_ours.push(fault.to_string()),
    }
}

/// One deed on one of the tickets here. What the rules refuse is not done: a person would try something else.
fn act(phone: &mut Phone, dice: &mut StdRng, tally: &mut Tally) {
    let visits: Vec<VisitId> =
        phone.tickets().flat_map(|ticket| ticket.visits.iter().map(|visit| visit.visit)).collect();
    let Some(visit) = visits.into_iter().choose(dice) else { return };
    let number: u32 = dice.random();
    let deed = match dice.random_range(0..100) {
        0..10 => Deed::Accept,
        10..18 => Deed::Depart,
        18..26 => Deed::CheckIn,
        26..34 => Deed::Start,
        34..38 => Deed::Pause { reason: "lunch".into() },
        38..42 => Deed::CheckOut,
        42..46 => Deed::Done { solution: format!("solved {number}") },
        46..48 => Deed::Decline { reason: "ill".into() },
        48..56 => Deed::Answer { step: "pressure".into(), value: format!("{number} bar") },
        56..64 => Deed::Photo { bytes: photo(number, dice), role: "after".into() },
        64..67 => Deed::Sign { signer: format!("signer {number}"), strokes: number.to_be_bytes().to_vec() },
        67..71 => {
            let start = ServerTime(4_000_000_000_000 + i64::from(number) * 1_000);
            Deed::Reschedule { start: Some(start), end: None }
        }
        71..73 => {
            phone.forge(visit, FactBody::Cancel { reason: format!("not-hers-{number}") });
            tally.forged += 1;
            return;
        }
        _ => Deed::Note { text: format!("note {number}") },
    };
    match phone.attempt(visit, deed) {
        Ok(_) => tally.deeds += 1,
        Err(ExecuteError::Refused(_) | ExecuteError::NotHere) => {}
        Err(error) => panic!("{} cannot keep what was done: {error:?}", phone.owner.email),
    }
}

fn photo(number: u32, dice: &mut StdRng) -> Vec<u8> {
    let length = dice.random_range(8..40_000);
    number.to_be_bytes().into_iter().cycle().take(length).collect()
}
