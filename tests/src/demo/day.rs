//! The engineers' day: their phones fetch it, and then they work it with no network, while the office edits the same
//! tickets.

use anyhow::Context;
use chrono::TimeDelta;
use futures_util::StreamExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sync_core::ids::{PartId, TicketId, VisitId};
use sync_core::time::{DeviceTime, ServerTime, TimeWindow};

use super::Settings;
use super::company::Company;
use super::office::{self, Edited};
use super::steps::Steps;
use crate::phone::{Deed, Phone};

/// Phones that exchange at the same time.
pub const AT_ONCE: usize = 8;

/// A visit that is worked offline.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    pub ticket: TicketId,
    pub visit: VisitId,
    /// When she is planned to be there.
    pub slot: TimeWindow,
    /// What was agreed with the customer, if anything was.
    pub window: Option<TimeWindow>,
    pub priority: i64,
}

/// What came of it, before anybody is back.
#[derive(Debug, Clone)]
pub struct Worked {
    pub jobs: Vec<Job>,
    /// Facts that phones called saved.
    pub facts: usize,
    pub photos: usize,
    /// Deeds that the phone refused on the spot.
    pub refused: usize,
    pub edited: Edited,
}

/// Every phone fetches its tickets.
pub async fn pull(phones: &mut [Phone], steps: &Steps) -> anyhow::Result<()> {
    let step = steps.begin("phones fetch their tickets", phones.len());
    futures_util::stream::iter(phones.iter_mut())
        .for_each_concurrent(AT_ONCE, async |phone| {
            phone.online().await;
            step.advance();
        })
        .await;
    let tickets: usize = phones.iter().map(|phone| phone.tickets().count()).sum();
    step.done(&format!("{tickets} tickets on {} phones", phones.len()));
    Ok(())
}

/// Everybody goes underground and works, on as many threads as there are phones; the office goes on too.
pub async fn work_offline(
    phones: &mut Vec<Phone>,
    company: &Company,
    settings: &Settings,
    steps: &Steps,
) -> anyhow::Result<Worked> {
    let until = ServerTime((company.opened + TimeDelta::days(settings.days)).timestamp_millis());
    let days: Vec<Vec<Job>> = phones.iter().map(|phone| jobs(phone, until)).collect();
    let jobs: Vec<Job> = days.iter().flatten().copied().collect();
    let step = steps.begin("working offline, while the office edits", jobs.len());
    let leaver = phones[usize::try_from(settings.seed)? % phones.len()].device.id;
    let mut working = Vec::new();
    for ((mut phone, day), number) in phones.drain(..).zip(days).zip(0..) {
        let (bar, seed) = (step.bar(), settings.seed.wrapping_add(1_000 + number));
        working.push(tokio::task::spawn_blocking(move || {
            let mut tally = Tally::default();
            let mut dice = StdRng::seed_from_u64(seed);
            phone.offline();
            for job in day {
                work(&mut phone, job, &mut dice, &mut tally);
                bar.inc(1);
            }
            (phone, tally)
        }));
    }
    // What he still does goes to a dispatcher, not into the tickets; and none of it is lost.
    company.revoke(leaver).await;
    let edited = office::edit(company, &jobs, settings.seed).await;
    let mut worked = Worked { jobs, facts: 0, photos: 0, refused: 0, edited };
    for phone in working {
        let (phone, tally) = phone.await.context("a phone")?;
        worked.facts += tally.facts;
        worked.photos += tally.photos;
        worked.refused += tally.refused;
        phones.push(phone);
    }
    step.done(&format!("{} visits, {} entries saved on phones", worked.jobs.len(), worked.facts));
    Ok(worked)
}

/// The visits of a phone's owner that begin before then.
fn jobs(phone: &Phone, until: ServerTime) -> Vec<Job> {
    let job = |entry: sync_core::replica::AgendaEntry| {
        let (ticket, priority) = (entry.ticket.ticket, entry.ticket.priority);
        let (visit, window) = (entry.visit.visit, entry.visit.window);
        entry.visit.slot.map(|slot| Job { ticket, visit, slot, window, priority })
    };
    phone.agenda().into_iter().filter_map(job).filter(|job| job.slot.start() < until).collect()
}

#[derive(Default)]
struct Tally {
    facts: usize,
    photos: usize,
    refused: usize,
}

/// One visit from taking it on to leaving, by the clock of its plan.
fn work(phone: &mut Phone, job: Job, dice: &mut StdRng, tally: &mut Tally) {
    let begins = job.slot.start().0;
    let mut act = |minute: i64, deed: Deed| {
        phone.at(DeviceTime(begins + minute * 60_000));
        let is_photo = matches!(deed, Deed::Photo { .. });
        match phone.attempt(job.visit, deed) {
            Ok(_) => {
                tally.facts += 1;
                tally.photos += usize::from(is_photo);
            }
            Err(_) => tally.refused += 1,
        }
    };
    if dice.random_ratio(1, 25) {
        return act(-90, Deed::Decline { reason: "no-parking".into() });
    }
    act(-90, Deed::Accept);
    if let Some(window) = job.window
        && dice.random_ratio(1, 2)
    {
        // She will not make the beginning of what was agreed, and says so.
        let start = Some(ServerTime(window.start().0 + dice.random_range(5..=20) * 60_000));
        act(-30, Deed::Reschedule { start, end: None });
    }
    act(-15, Deed::Depart);
    act(0, Deed::CheckIn);
    act(2, Deed::Start);
    act(3, Deed::Answer { step: "safe_to_work".into(), value: "yes".into() });
    act(5, Deed::Photo { bytes: photo(dice), role: "before".into() });
    if dice.random_ratio(1, 3) {
        act(12, Deed::UsePart { part: PartId(uuid::Uuid::from_u128(dice.random_range(1..=50))), quantity: 1 });
    }
    if dice.random_ratio(1, 4) {
        act(20, Deed::Note { text: "neighbour asks about the other lamp post".into() });
    }
    act(25, Deed::Answer { step: "works_again".into(), value: "yes".into() });
    act(28, Deed::Sign { signer: "J. Doe".into(), strokes: photo(dice) });
    act(29, Deed::Done { solution: "repaired and tested".into() });
    act(30, Deed::CheckOut);
}

/// Bytes that begin like a picture and are like no other.
fn photo(dice: &mut StdRng) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0];
    let length = dice.random_range(1_500..6_000);
    bytes.extend(std::iter::repeat_with(|| dice.random::<u8>()).take(length));
    bytes
}
