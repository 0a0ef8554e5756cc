//! Many phones, a desk and bad links at once, from one number; then peace, and everything must add up.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::ids::*;
use sync_core::store::MemoryStore;
use sync_core::workflow::Workflow;

use crate::chance::Chance;
use crate::phone::{Link, Phone, STEPS, Word};
use crate::server::Server;

/// What may happen in a run.
#[derive(Clone, Copy)]
struct World {
    phones: usize,
    tickets: usize,
    steps: usize,
    /// Stores fall back to backups, and are cloned.
    backups: bool,
    /// The server falls back to a backup.
    server_restores: bool,
}

struct Run {
    server: Server,
    phones: Vec<Phone>,
    tickets: Vec<TicketId>,
    chance: Chance,
    phone_backups: Vec<(usize, MemoryStore, BTreeMap<FactId, TicketId>)>,
    server_backup: Server,
    epochs: u128,
}

impl Run {
    fn new(world: World, seed: u64) -> Self {
        let mut chance = Chance(seed);
        let mut server = Server::new(1);
        server.page_rows = 1 + chance.below(20);
        server.is_terse = chance.percent(50);
        let tickets: Vec<_> = (0..world.tickets).map(|_| TicketId(chance.uuid())).collect();
        for ticket in &tickets {
            server.create_ticket(*ticket);
        }
        let users: Vec<_> = (0..world.phones.div_ceil(2)).map(|_| UserId(chance.uuid())).collect();
        for user in &users {
            for ticket in &tickets {
                if chance.percent(70) {
                    server.show(*ticket, *user);
                }
            }
        }
        let mut phones = Vec::new();
        for n in 0..world.phones {
            let mut phone = Phone::enrolled(&mut server, users[n % users.len()], &mut chance);
            phone.clock_off_ms = (chance.below(1000) as i64 - 500) * 3_600_000;
            phone.sync(&mut server, &mut chance);
            phones.push(phone);
        }
        Self { server_backup: server.clone(), server, phones, tickets, chance, phone_backups: vec![], epochs: 1 }
    }

    fn step(&mut self, world: World) {
        self.server.now.0 += self.chance.below(600_000) as i64;
        let who = self.chance.below(self.phones.len());
        let ticket = self.tickets[self.chance.below(self.tickets.len())];
        match self.chance.below(100) {
            0..45 => {
                let word = match self.chance.below(20) {
                    0 | 1 => Word::Forbidden,
                    2..10 => Word::Step(STEPS[self.chance.below(STEPS.len())]),
                    n => Word::Note(format!("note {n}")),
                };
                self.phones[who].say(&self.server, ticket, word, &mut self.chance);
            }
            45..75 => {
                let link = match self.chance.below(10) {
                    0 | 1 => Link::RequestLost,
                    2 | 3 => Link::ReplyLost,
                    4 => Link::RequestTwice,
                    5 => Link::Portal,
                    _ => Link::Good,
                };
                self.phones[who].exchange(&mut self.server, link, &mut self.chance);
            }
            75..83 => self.server.edit(ticket, 1 + self.chance.below(5) as i64),
            83..87 => {
                let user = self.phones[who].identity.user;
                if self.chance.percent(50) {
                    self.server.show(ticket, user);
                } else {
                    self.server.hide(ticket, user);
                }
            }
            87..92 => self.phones[who].restart(&self.server, &mut self.chance),
            92..95 if world.backups => {
                let store = self.phones[who].backup(&self.server, &mut self.chance);
                let saved = self.phones[who].saved.clone();
                self.phone_backups.push((who, store, saved));
            }
            95..97 if world.backups && !self.phone_backups.is_empty() => self.restore_a_phone(),
            97 if world.backups && self.phones.len() < 2 * world.phones => {
                let twin = self.phones[who].cloned(&self.server, &mut self.chance);
                self.phones.push(twin);
            }
            98 if world.server_restores => {
                self.server_backup = self.server.clone();
            }
            99 if world.server_restores && self.epochs < 4 => {
                self.epochs += 1;
                self.server = self.server.restored(&self.server_backup, self.epochs);
            }
            _ => {}
        }
    }

    /// What a phone had saved since its backup and not sent is gone with it; nobody else's is.
    fn restore_a_phone(&mut self) {
        let (who, store, saved) = self.phone_backups.swap_remove(self.chance.below(self.phone_backups.len()));
        self.phones[who].saved = saved;
        self.phones[who].open(store, &self.server, &mut self.chance);
    }

    /// The links are good now: everybody syncs until nobody has anything more to say.
    fn make_peace(&mut self) {
        for round in 0.. {
            assert!(round < 20, "they never agree");
            let before: Vec<_> = self.server.tickets.values().map(|doc| doc.heads()).collect();
            for phone in &mut self.phones {
                phone.sync(&mut self.server, &mut self.chance);
            }
            let after: Vec<_> = self.server.tickets.values().map(|doc| doc.heads()).collect();
            if before == after && round > 0 {
                return;
            }
        }
    }

    fn check(&mut self) {
        let workflow = Workflow::field_service();
        let in_documents: BTreeSet<FactId> =
            self.server.tickets.values().flat_map(|doc| doc.facts().map(|fact| fact.id)).collect();
        for phone in &mut self.phones {
            let status = phone.status(&self.server);
            assert_eq!(status.unsent, 0, "{:?}", status.trouble);
            assert!(status.is_synced);
            let drafts: BTreeSet<FactId> = phone.replica().drafts().map(|draft| draft.fact.id).collect();
            for saved in phone.saved.keys() {
                let quarantined = self.server.quarantine.contains_key(saved) || self.server.reviews.contains_key(saved);
                let at_home = drafts.contains(saved);
                assert!(in_documents.contains(saved) || quarantined || at_home, "{saved:?} is lost");
            }
            let scope = self.server.scope.get(&phone.identity.user).cloned().unwrap_or_default();
            for ticket in scope {
                let doc = phone.doc(ticket).expect("what is in scope is on the phone");
                let theirs = &self.server.tickets[&ticket];
                assert_eq!(doc.heads(), theirs.heads());
                assert_eq!(doc.state(&workflow), theirs.state(&workflow));
            }
        }
        for doc in self.server.tickets.values() {
            assert_eq!(doc.pending().count(), 0, "every fact is admitted");
        }
    }
}

/// Runs each seed. `CALLOUT_SEED=n` runs that one alone, `CALLOUT_SEEDS=n` runs n times as many.
fn run(world: World, seeds: std::ops::Range<u64>) {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let more = (seeds.end - seeds.start) * number("CALLOUT_SEEDS").unwrap_or(1);
    let seeds = match number("CALLOUT_SEED") {
        Some(seed) => seed..seed + 1,
        None => seeds.start..seeds.start + more,
    };
    seeds.for_each(|seed| run_one(world, seed));
}

fn run_one(world: World, seed: u64) {
    let told = std::panic::catch_unwind(|| {
        let mut run = Run::new(world, seed);
        for _ in 0..world.steps {
            run.step(world);
        }
        run.make_peace();
        run.check();
    });
    assert!(told.is_ok(), "seed {seed}: run this one alone to see");
}

#[test]
fn bad_links_lose_nothing() {
    run(World { phones: 4, tickets: 3, steps: 80, backups: false, server_restores: false }, 0..12);
}

#[test]
fn backups_and_clones_lose_nothing_that_was_not_theirs_to_lose() {
    run(World { phones: 3, tickets: 2, steps: 100, backups: true, server_restores: false }, 1000..1012);
}

#[test]
fn a_server_that_goes_back_in_time_gets_it_all_again() {
    run(SERVER_RESTORES, 2000..2012);
}

#[test]
fn all_at_once() {
    run(ALL_AT_ONCE, 3000..3008);
}

const SERVER_RESTORES: World = World { phones: 3, tickets: 2, steps: 100, backups: false, server_restores: true };
const ALL_AT_ONCE: World = World { phones: 4, tickets: 3, steps: 150, backups: true, server_restores: true };

/// Each found something.
#[test]
fn seeds_that_once_failed() {
    for seed in [2033, 2155, 3397] {
        run_one(SERVER_RESTORES, seed);
    }
    for seed in [3036, 3113, 4284] {
        run_one(ALL_AT_ONCE, seed);
    }
}
