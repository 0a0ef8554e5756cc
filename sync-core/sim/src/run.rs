//! One run: steps of which each draws its own chance, then peace, and everything must add up.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use sync_core::ids::*;
use sync_core::store::MemoryStore;
use sync_core::workflow::Workflow;

use crate::attacker::Attacker;
use crate::chance::Chance;
pub use crate::invariants::Broken;
use crate::invariants::{self as must, Holds, Witness};
use crate::meeting::meet;
use crate::network::Link;
use crate::phone::{Phone, STEPS, Word};
use crate::server::Server;
use crate::world::World;

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ending {
    /// Facts that phones were told are saved.
    pub saved: usize,
    /// Of them, in documents at the end.
    pub admitted: usize,
    /// Set aside by the server, or handed in.
    pub set_aside: usize,
    /// Changes that came in by another phone than their author's.
    pub carried: usize,
    /// Wishes for a ticket of the pool that were granted.
    pub granted: usize,
}

/// Runs it without these steps; the first invariant that does not hold ends it.
pub fn run(world: World, seed: u64, skip: &BTreeSet<usize>) -> Result<Ending, Broken> {
    let told = catch_unwind(AssertUnwindSafe(|| {
        let mut run = Run::new(world, seed);
        for step in (0..world.steps).filter(|step| !skip.contains(step)) {
            run.step(&mut Chance::of(seed, step))?;
        }
        run.make_peace(&mut Chance::of(seed, world.steps))?;
        run.end()
    }));
    told.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Broken { invariant: "panic", detail: text.unwrap_or_default() })
    })
}

struct Run {
    world: World,
    server: Server,
    phones: Vec<Phone>,
    attacker: Option<Attacker>,
    tickets: Vec<TicketId>,
    /// Requests that were heard on the way, and may arrive once more.
    heard: Vec<Vec<u8>>,
    phone_backups: Vec<(usize, MemoryStore, BTreeMap<FactId, TicketId>)>,
    server_backup: Server,
    epochs: u128,
    witness: Witness,
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
            phone.clock_off_ms = any_clock(&mut chance);
            phone.sync(&mut server, &mut chance);
            phones.push(phone);
        }
        let attacker = world.attacker.then(|| Attacker::enrolled(&mut server, &mut chance));
        Self {
            world,
            server_backup: server.clone(),
            server,
            phones,
            attacker,
            tickets,
            heard: Vec::new(),
            phone_backups: Vec::new(),
            epochs: 1,
            witness: Witness::default(),
        }
    }

    fn step(&mut self, chance: &mut Chance) -> Holds {
        self.server.now.0 += chance.below(600_000) as i64;
        let who = chance.below(self.phones.len());
        let ticket = self.tickets[chance.below(self.tickets.len())];
        // Asked in this world alone: in the others a step stays what it was.
        if self.world.meetings && chance.percent(15) {
            match &mut self.attacker {
                Some(attacker) if chance.percent(20) => {
                    attacker.meet(&mut self.phones[who], &self.server, &self.heard, chance);
                }
                _ => self.meet(who, chance),
            }
            return self.check_step(who);
        }
        if self.world.pool && chance.percent(35) {
            self.play_with_the_pool(who, ticket, chance);
            return self.check_step(who);
        }
        match chance.below(100) {
            0..40 => self.say(who, ticket, chance),
            40..68 => self.exchange(who, chance)?,
            68..74 => self.edit(ticket, 1 + chance.below(5) as i64),
            74..77 => self.decide(ticket, chance.below(5)),
            77..82 => self.reassign(ticket, who, chance),
            82..86 => self.phones[who].restart(&self.server, chance),
            86 => self.phones[who].clock_off_ms = any_clock(chance),
            87 => self.repeat_what_was_heard(chance),
            88 => self.new_ticket(who, chance),
            89..91 if self.world.attacker => self.strike(ticket, who, chance)?,
            91..93 if self.world.backups => {
                let phone = &self.phones[who];
                self.phone_backups.push((who, phone.backup(), phone.saved.clone()));
            }
            93..95 if self.world.backups && !self.phone_backups.is_empty() => self.restore_a_phone(chance),
            95 if self.world.backups && self.phones.len() < 2 * self.world.phones => {
                let twin = self.phones[who].cloned(&self.server, chance);
                self.phones.push(twin);
            }
            96 | 97 if self.world.server_restores => self.server_backup = self.server.clone(),
            98 if self.world.server_restores && self.epochs < 4 => self.restore_the_server(),
            _ => {}
        }
        self.check_step(who)
    }

    fn say(&mut self, who: usize, ticket: TicketId, chance: &mut Chance) {
        let word = match chance.below(20) {
            0 | 1 => Word::Forbidden,
            2..13 => Word::Step(STEPS[chance.below(STEPS.len())]),
            n => Word::Note(format!("note {n}")),
        };
        let phone = &mut self.phones[who];
        if self.world.kills && chance.percent(10) {
            phone.die_after(chance.below(12));
        }
        phone.say(&self.server, ticket, word, chance);
        phone.replica().store().live_on();
    }

    fn exchange(&mut self, who: usize, chance: &mut Chance) -> Holds {
        let (phone, server) = (&mut self.phones[who], &mut self.server);
        let now = phone.now(server);
        let Ok(Some(request)) = phone.replica().poll_request(now) else { return Ok(()) };
        must::nothing_unsaved_is_sent(phone, server, &request)?;
        let link = Link::any(chance);
        let reply = link.carry(server, &request, chance);
        let request_hash = Sha256Hash::of(&request);
        self.heard.push(request);
        let is_all = reply.as_deref().is_some_and(|reply| server.said_all(&request_hash, reply));
        let before = phone.facts();
        if self.world.kills && chance.percent(15) {
            phone.die_after(chance.below(60));
        }
        let arrived = phone.hear(server, reply, link, chance);
        phone.replica().store().live_on();
        must::leaving_keeps_work(phone, &before, server)?;
        if is_all && arrived.is_some() { must::the_cursor_skips_nothing(phone, server) } else { Ok(()) }
    }

    fn meet(&mut self, who: usize, chance: &mut Chance) {
        let other = (who + 1 + chance.below(self.phones.len() - 1)) % self.phones.len();
        let Ok([one, other]) = self.phones.get_disjoint_mut([who, other]) else { return };
        if self.world.kills && chance.percent(15) {
            other.die_after(chance.below(12));
        }
        meet(one, other, &self.server, chance);
        other.replica().store().live_on();
    }

    /// The desk offers a ticket or takes it back; somebody wants what he is offered, or does not any more.
    fn play_with_the_pool(&mut self, who: usize, ticket: TicketId, chance: &mut Chance) {
        let (phone, server) = (&mut self.phones[who], &mut self.server);
        let now = phone.now(server);
        match chance.below(10) {
            0 | 1 => server.offer(ticket),
            2 => server.take_out(ticket),
            3..9 => {
                let Ok(offers) = phone.replica().pool() else { return };
                if let Some(offer) = offers.get(chance.below(offers.len().max(1))) {
                    // A store that is full or dying keeps no wish, and says so.
                    drop(phone.replica().take(offer.ticket, IntentId(chance.uuid()), now));
                }
            }
            _ => {
                let takes = phone.replica().takes();
                if let Some(take) = takes.get(chance.below(takes.len().max(1))) {
                    drop(phone.replica().withdraw(take.id));
                }
            }
        }
    }

    fn edit(&mut self, ticket: TicketId, priority: i64) {
        if self.server.tickets.contains_key(&ticket) {
            self.server.edit(ticket, priority);
        }
    }

    fn decide(&mut self, ticket: TicketId, which: usize) {
        if self.server.tickets.contains_key(&ticket) {
            self.server.decide(ticket, which);
        }
    }

    fn reassign(&mut self, ticket: TicketId, who: usize, chance: &mut Chance) {
        let user = self.phones[who].identity.user;
        if !self.server.tickets.contains_key(&ticket) {
            return;
        }
        if chance.percent(50) {
            self.server.show(ticket, user);
        } else {
            self.server.hide(ticket, user);
        }
    }

    fn new_ticket(&mut self, who: usize, chance: &mut Chance) {
        if self.tickets.len() >= 2 * self.world.tickets {
            return;
        }
        let ticket = TicketId(chance.uuid());
        self.tickets.push(ticket);
        self.server.create_ticket(ticket);
        self.server.show(ticket, self.phones[who].identity.user);
    }

    /// A request that was delayed, or recorded, comes to the server long after its answer.
    fn repeat_what_was_heard(&mut self, chance: &mut Chance) {
        if let Some(request) = self.heard.get(chance.below(self.heard.len())) {
            self.server.try_sync(request);
        }
    }

    fn strike(&mut self, ticket: TicketId, who: usize, chance: &mut Chance) -> Holds {
        let (Some(attacker), true) = (&mut self.attacker, self.server.tickets.contains_key(&ticket)) else {
            return Ok(());
        };
        let before = must::heads_of(&self.server);
        attacker.strike(&mut self.server, ticket, &self.phones[who], &self.heard, chance);
        must::harm_stays_at_home(&before, &self.server)
    }

    /// What a phone had saved since its backup and not sent is gone with it; nobody else's is.
    fn restore_a_phone(&mut self, chance: &mut Chance) {
        let (who, rows, saved) = self.phone_backups.swap_remove(chance.below(self.phone_backups.len()));
        self.witness.forgive(self.phones[who].identity.device);
        self.phones[who].saved = saved;
        self.phones[who].open(rows, &self.server, chance);
        self.phones[who].took = self.phones[who].carries();
    }

    fn restore_the_server(&mut self) {
        for phone in &mut self.phones {
            self.witness.note_owed(phone, &self.tickets, &self.server);
            phone.took = phone.carries();
        }
        self.epochs += 1;
        self.server = self.server.restored(&self.server_backup, self.epochs);
    }

    fn check_step(&mut self, who: usize) -> Holds {
        self.witness.note_admitted(&self.server);
        let phone = &mut self.phones[who];
        must::no_command_is_lost(phone, &self.server)?;
        must::the_outbox_moves(phone, &self.server)?;
        must::lists_are_the_fold(phone, &self.tickets)?;
        must::an_overlay_is_no_base(phone, &self.witness)?;
        must::a_courier_keeps_it(phone, &self.server)?;
        must::numbers_are_used_once(&self.server)?;
        must::one_gets_it(phone, &self.server)?;
        must::no_stranger_is_served(&self.server, self.attacker.as_ref())?;
        for ticket in &self.tickets {
            let doc = phone.doc(*ticket);
            doc.iter().chain(self.server.tickets.get(ticket)).try_for_each(|doc| self.witness.compare(doc))?;
        }
        Ok(())
    }

    /// The links are good now: everybody syncs until nobody has anything more to say.
    fn make_peace(&mut self, chance: &mut Chance) -> Holds {
        for round in 0.. {
            assert!(round < 20, "they never agree");
            let before = must::heads_of(&self.server);
            for phone in &mut self.phones {
                phone.sync(&mut self.server, chance);
            }
            // What stood on something that came later is offered again after a while.
            if self.world.meetings {
                self.server.now.0 += 2 * 3_600_000;
            }
            if before == must::heads_of(&self.server) && round > 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Ending, Broken> {
        let workflow = Workflow::field_service();
        for who in 0..self.phones.len() {
            self.check_step(who)?;
            let phone = &mut self.phones[who];
            let status = phone.status(&self.server);
            assert!(status.unsent == 0 && status.is_synced, "{status:?}");
            must::offers_are_those_of_the_server(phone, &self.tickets, &self.server)?;
            let scope = self.server.scope.get(&phone.identity.user).cloned().unwrap_or_default();
            for ticket in scope {
                let doc = phone.doc(ticket).expect("what is in scope is on the phone");
                let theirs = &self.server.tickets[&ticket];
                assert_eq!(doc.heads(), theirs.heads(), "{ticket:?}");
                assert_eq!(doc.state(&workflow), theirs.state(&workflow), "{ticket:?}");
            }
        }
        self.witness.check_owed(&self.server)?;
        for doc in self.server.tickets.values() {
            assert_eq!(doc.pending().count(), 0, "every fact is admitted");
        }
        let saved: BTreeSet<FactId> = self.phones.iter().flat_map(|phone| phone.saved.keys().copied()).collect();
        let in_documents = |fact: &&FactId| self.server.tickets.values().any(|doc| doc.fact(**fact).is_some());
        let admitted = saved.iter().filter(in_documents).count();
        let carried = self.server.brought_by_colleagues;
        let granted = self.server.pool.granted.len();
        Ok(Ending { saved: saved.len(), admitted, set_aside: saved.len() - admitted, carried, granted })
    }
}

/// A clock up to ten years off, or nearly right.
fn any_clock(chance: &mut Chance) -> i64 {
    const YEAR_MS: i64 = 365 * 24 * 3_600_000;
    let within = if chance.percent(30) { 10 * YEAR_MS } else { 3_600_000 };
    (chance.number() % (2 * within as u64)) as i64 - within
}
