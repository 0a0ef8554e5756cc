//! F3: the power is lost at every single write, truncation and flush of a phone's life.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use sync_core::ids::*;
use sync_core::store::{SqliteStore, Store, StoreTx, Table, open_or_salvage};

use crate::disk::{Loss, lay_out, survivors};
use crate::life::{Diary, Life, Rows, What, rows};
use crate::phone::{self, KEY, scratch};
use crate::vfs::Watched;
use sync_sim::chance::Chance;
use sync_sim::server::Server;

/// What must be true of a phone whose power was lost after so many effects.
struct Due {
    /// The last transaction that it was told is committed.
    committed: Rows,
    /// One that was under way.
    under_way: Option<Rows>,
    saved: Vec<(FactId, TicketId)>,
    server: Arc<Server>,
}

fn due(diary: &Diary, at: usize, nothing: Rows) -> Due {
    let (mut committed, mut under_way, mut saved, mut server) = (nothing, None, Vec::new(), None);
    for moment in diary.moments().iter() {
        match &moment.what {
            What::Committed(rows) if moment.at <= at => committed = *rows,
            What::Committed(rows) => {
                under_way = Some(*rows);
                break;
            }
            What::Saved(fact, ticket) if moment.at <= at => saved.push((*fact, *ticket)),
            What::Server(new) if moment.at <= at => server = Some(new.clone()),
            _ => break,
        }
    }
    Due { committed, under_way, saved, server: server.unwrap() }
}

fn rows_in(path: &Path) -> Rows {
    let mut store = quick(path);
    let tx = store.begin().unwrap();
    rows(&tx)
}

/// The store as it ships, but for the room that it would keep: writing that takes longer than all the rest.
fn quick(path: &Path) -> SqliteStore {
    SqliteStore::open_where(path, |_| Some(0)).unwrap()
}

/// How many times as many seeds as usual.
fn more() -> u64 {
    std::env::var("CALLOUT_SEEDS").ok().and_then(|number| number.parse().ok()).unwrap_or(1)
}

#[test]
fn f3_power_lost_at_every_write_loses_nothing_saved() {
    for seed in 0..more() {
        let directory = scratch();
        let mut life = Life::begin(directory.path(), 3, seed);
        for _ in 0..60 {
            life.step(3);
        }
        life.restart();
        live_through(&life.diary, seed);
    }
}

fn live_through(diary: &Diary, seed: u64) {
    let nothing = rows_in(&scratch().path().join("new"));
    let effects = diary.watched.disk().effects.clone();
    let mut lived_on = BTreeSet::new();
    for at in 0..=effects.len() {
        let due = due(diary, at, nothing);
        for loss in Loss::ALL {
            let mut chance = Chance(seed ^ (at as u64) << 8);
            let directory = scratch();
            lay_out(&survivors(&effects[..at], loss, &mut chance), directory.path());
            let path = directory.path().join("callout.sqlite");
            let found = rows_in(&path);
            assert!(
                found == due.committed || Some(found) == due.under_way,
                "{loss:?} after {at} of {} effects (seed {seed}): not what was committed",
                effects.len()
            );
            // What the phone does from here on depends on this alone.
            if lived_on.insert((found, Arc::as_ptr(&due.server) as usize)) {
                live_on(&path, due.saved.clone(), Server::clone(&due.server), chance);
            }
        }
    }
    assert!(lived_on.len() > 20, "too dull a life");
}

/// The phone has everything it was told is saved, and agrees with the server in the end.
fn live_on(path: &Path, saved: Vec<(FactId, TicketId)>, mut server: Server, mut chance: Chance) {
    let (store, report) = open_or_salvage(path, &KEY, |_| Some(0)).unwrap();
    assert_eq!(report, None, "a loss of power is no damage");
    let mut replica = phone::open(store, &server, &mut chance).unwrap();
    phone::assert_not_lost(&mut replica, &server, &saved, "with the power");
    phone::sync(&mut replica, &mut server, &mut chance);
    for (fact, ticket) in saved {
        assert!(phone::is_at_server(&server, ticket, fact), "{fact} never reached the server");
    }
    for ticket in server.scope.get(&phone::ANA).into_iter().flatten() {
        let heads = replica.look(*ticket, sync_core::time::DeviceTime(0), |sight| sight.ticket.doc.heads());
        assert_eq!(heads.unwrap().unwrap(), server.tickets[ticket].heads());
    }
}

/// Transactions so large that SQLite empties its log into the file again and again.
#[test]
fn f3_power_lost_while_the_log_is_emptied_leaves_a_whole_transaction() {
    let directory = scratch();
    let diary = Diary::new(Watched::new(directory.path()));
    let path = directory.path().join("callout.sqlite");
    let mut chance = Chance(5);
    for _ in 0..3 {
        let within = SqliteStore::open(&path).unwrap();
        let mut store = crate::life::Marked { within, diary: diary.clone() };
        for _ in 0..40 {
            let mut tx = store.begin().unwrap();
            for _ in 0..4 {
                let key = [chance.below(40) as u8];
                match chance.below(4) {
                    0 => tx.delete(Table::Outbox, &key).unwrap(),
                    _ => {
                        let (fill, size) = (chance.number() as u8, chance.below(60_000));
                        tx.put(Table::Outbox, &key, &vec![fill; size]).unwrap();
                    }
                }
            }
            tx.commit().unwrap();
        }
    }
    let effects = diary.watched.disk().effects.clone();
    let nothing = rows_in(&scratch().path().join("new"));
    // Every flush, and the moments between them here and there.
    let is_flush = |at: &usize| matches!(effects.get(*at), Some(crate::disk::Effect::Sync { .. }));
    let moments: Vec<usize> = (0..=effects.len()).filter(|at| is_flush(at) || at % 61 == 0).collect();
    assert!(moments.len() > 150, "{}", moments.len());
    for at in moments {
        let (committed, under_way) = committed_around(&diary, at, nothing);
        for loss in Loss::ALL {
            let directory = scratch();
            lay_out(&survivors(&effects[..at], loss, &mut Chance(at as u64)), directory.path());
            let found = rows_in(&directory.path().join("callout.sqlite"));
            assert!(found == committed || Some(found) == under_way, "{loss:?} after {at} effects");
        }
    }
}

fn committed_around(diary: &Diary, at: usize, nothing: Rows) -> (Rows, Option<Rows>) {
    let mut last = nothing;
    for moment in diary.moments().iter() {
        if let What::Committed(rows) = &moment.what {
            if moment.at > at {
                return (last, Some(*rows));
            }
            last = *rows;
        }
    }
    (last, None)
}
