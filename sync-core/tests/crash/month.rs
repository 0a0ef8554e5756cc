//! F25: a phone that was away for a month comes back over a bad network, and is killed again and again while it does.
//!
//! `CALLOUT_MONTH=10` makes it ten times as long: 500 tickets, 2,000 photos.

use std::collections::BTreeSet;

use sync_core::ids::*;
use sync_core::replica::Replica;
use sync_core::store::{EncryptedStore, MemoryStore};
use sync_core::time::DeviceTime;
use sync_core::wire::envelope;
use sync_core::wire::{Batch, Item, MAX_BATCH_BYTES, SyncRequest};

use crate::phone::{self, KEY, STEPS, Word, ticket};
use sync_sim::chance::Chance;
use sync_sim::server::Server;

const KILLS: usize = 50;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

type Phone = Replica<EncryptedStore<MemoryStore>>;

fn open(within: MemoryStore, server: &Server, chance: &mut Chance) -> Phone {
    phone::open(EncryptedStore::open(within, &KEY).unwrap(), server, chance).unwrap()
}

/// The process is gone; what it had committed is there.
fn killed(replica: Phone, server: &Server, chance: &mut Chance) -> Phone {
    open(replica.close().into_within(), server, chance)
}

/// What no request may be: so large that it can only fail.
fn assert_can_succeed(request: &[u8]) -> SyncRequest {
    assert!(request.len() < 1 << 20, "{} bytes", request.len());
    let request = SyncRequest::decode(&envelope::unpack(request, 8 << 20).unwrap()).unwrap();
    for batch in &request.batches {
        assert!(batch.len() <= MAX_BATCH_BYTES);
        let batch = Batch::decode(batch).unwrap();
        batch.changes().iter().for_each(|change| assert!(sync_core::guard::check_chunk(change).is_ok()));
    }
    request
}

#[test]
fn f25_a_month_of_work_goes_out_text_first_through_fifty_kills() {
    let times: usize = std::env::var("CALLOUT_MONTH").ok().and_then(|number| number.parse().ok()).unwrap_or(1);
    let (tickets, photos) = (50 * times, 200 * times);
    let (mut server, mut chance) = (phone::server_with(tickets as u128), Chance(25));
    let mut replica = open(MemoryStore::default(), &server, &mut chance);
    phone::sync(&mut replica, &mut server, &mut chance);

    let mut saved = Vec::new();
    let mut say = |replica: &mut Phone, now: DeviceTime, at: TicketId, word: Word, chance: &mut Chance| {
        let said = phone::say(replica, now, at, word, chance).unwrap();
        saved.extend(said.map(|fact| (fact, at)));
        said.is_some()
    };
    let (mut taken, mut now) = (0, server.now.0);
    for n in 0..tickets {
        now += 30 * DAY_MS / tickets as i64;
        let (at, now) = (ticket(n as u128), DeviceTime(now));
        for step in 0..STEPS.len() - 1 {
            say(&mut replica, now, at, Word::Step(step), &mut chance);
        }
        while taken < photos * (n + 1) / tickets {
            taken += usize::from(say(&mut replica, now, at, Word::Photo, &mut chance));
        }
        say(&mut replica, now, at, Word::Note, &mut chance);
        if n % 10 == 0 {
            replica = killed(replica, &server, &mut chance);
        }
    }
    server.now.0 = now;
    assert_eq!((replica.awaited_blobs().count(), replica.status(DeviceTime(now)).unsent), (photos, saved.len()));

    // It comes back: half of the answers are lost, and the process dies fifty times.
    let (mut rounds, mut kills) = (0, 0);
    while replica.status(DeviceTime(now)).unsent > 0 || kills < KILLS {
        rounds += 1;
        assert!(rounds < 40 * (KILLS + times), "it does not drain");
        let request = replica.poll_request(DeviceTime(now)).unwrap().unwrap();
        assert_can_succeed(&request);
        match chance.below(4) {
            0 => phone::lose_answer(&mut replica),
            1 => {
                server.sync(&request);
                phone::lose_answer(&mut replica);
            }
            _ => {
                let reply = server.sync(&request);
                replica.handle_reply(&reply, DeviceTime(now), Nonce(chance.bytes())).unwrap();
            }
        }
        if kills < KILLS && chance.percent(60) {
            kills += 1;
            replica = killed(replica, &server, &mut chance);
        }
    }
    // Every word is there, and not one photo has arrived.
    for (fact, at) in &saved {
        assert!(phone::is_at_server(&server, *at, *fact));
    }
    assert_eq!(replica.awaited_blobs().count(), photos);
    photos_arrive(replica, server, chance);
}

/// Photos arrive one day, but for one that never will; and the phone hears of each of the others.
fn photos_arrive(mut replica: Phone, mut server: Server, mut chance: Chance) {
    let awaited: BTreeSet<Sha256Hash> = replica.awaited_blobs().map(|blob| blob.sha256).collect();
    let never: BTreeSet<Sha256Hash> = awaited.iter().take(70).copied().collect();
    for _ in 0..awaited.len() / 32 + 4 {
        phone::exchange_where(&mut replica, &mut server, &mut chance, |request, reply| {
            let asked = assert_can_succeed(request).awaiting_blobs;
            let stored = asked.into_iter().filter(|sha256| !never.contains(sha256));
            reply.items.extend(stored.map(|sha256| Item::BlobStored { sha256 }));
        });
    }
    let left: BTreeSet<Sha256Hash> = replica.awaited_blobs().map(|blob| blob.sha256).collect();
    assert_eq!(left, never, "what never comes keeps nobody waiting");
}

#[test]
fn f25_what_no_server_would_take_is_refused_while_its_author_can_shorten_it() {
    let (mut server, mut chance) = (phone::server_with(1), Chance(3));
    let mut replica = open(MemoryStore::default(), &server, &mut chance);
    phone::sync(&mut replica, &mut server, &mut chance);
    let now = DeviceTime(server.now.0);
    let mut said = |length| {
        let id = FactId(chance.uuid());
        replica.execute(ticket(0), now, |sight| {
            let text = sight.seal(id, "text", &"x".repeat(length));
            let stamp = sight.stamp(id, None);
            sync_core::command::note(&sight.ticket, &sight.author, stamp, None, text, None)
        })
    };
    assert!(matches!(said(70_000), Err(sync_core::replica::ExecuteError::TooLong(_))));
    assert!(said(60_000).is_ok());
    assert_eq!(replica.status(now).unsent, 1);
    phone::sync(&mut replica, &mut server, &mut chance);
    assert_eq!(server.said(ticket(0)), 1);
}
