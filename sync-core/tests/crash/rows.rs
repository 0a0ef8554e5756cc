//! Single rows that do not read any more, in a database that opens: each costs what it held, and nothing beside it.

use std::collections::BTreeSet;

use sync_core::ids::*;
use sync_core::replica::Replica;
use sync_core::store::{EncryptedStore, MemoryStore, Store, StoreTx, Table};
use sync_core::time::DeviceTime;

use crate::phone::{self, KEY, Word, ticket};
use sync_sim::chance::Chance;
use sync_sim::server::Server;

type InMemory = Replica<EncryptedStore<MemoryStore>>;

/// A phone with three tickets, work that the server has, unsent work, a draft and awaited photos.
struct Worked {
    within: MemoryStore,
    server: Server,
    chance: Chance,
    saved: Vec<(FactId, TicketId)>,
    unsent: usize,
}

fn open(within: MemoryStore, server: &Server, chance: &mut Chance) -> InMemory {
    phone::open(EncryptedStore::open(within, &KEY).unwrap(), server, chance).unwrap()
}

fn close(replica: InMemory) -> MemoryStore {
    replica.close().into_within()
}

fn worked(seed: u64) -> Worked {
    let (mut server, mut chance) = (phone::server_with(3), Chance(seed));
    let mut replica = open(MemoryStore::default(), &server, &mut chance);
    phone::sync(&mut replica, &mut server, &mut chance);
    let mut saved = Vec::new();
    let mut say = |replica: &mut InMemory, server: &Server, words: &[(u128, Word)], chance: &mut Chance| {
        for (at, word) in words {
            let now = DeviceTime(server.now.0);
            let fact = phone::say(replica, now, ticket(*at), *word, chance).unwrap().unwrap();
            saved.push((fact, ticket(*at)));
        }
    };
    say(
        &mut replica,
        &server,
        &[(0, Word::Forbidden), (0, Word::Note), (1, Word::Step(0)), (1, Word::Photo)],
        &mut chance,
    );
    phone::sync(&mut replica, &mut server, &mut chance);
    let unsent =
        [(0, Word::Note), (1, Word::Step(1)), (0, Word::Note), (2, Word::Photo), (1, Word::Step(2)), (0, Word::Note)];
    say(&mut replica, &server, &unsent, &mut chance);
    assert_eq!(replica.drafts().count(), 1);
    Worked { within: close(replica), server, chance, saved, unsent: unsent.len() }
}

/// A bit of one row is not what it was.
fn rot(within: &mut MemoryStore, table: Table, key: &[u8], chance: &mut Chance) {
    let mut tx = within.begin().unwrap();
    let mut value = tx.get(table, key).unwrap().unwrap();
    let at = chance.below(value.len());
    value[at] ^= 1 << chance.below(8);
    tx.put(table, key, &value).unwrap();
    tx.commit().unwrap();
}

fn keys(within: &mut MemoryStore, table: Table) -> Vec<Vec<u8>> {
    within.begin().unwrap().keys(table, b"").unwrap()
}

#[test]
fn a_row_that_does_not_read_costs_what_it_held_and_nothing_beside_it() {
    let mut rotten = BTreeSet::new();
    for table in Table::ALL {
        let count = keys(&mut worked(1).within, *table).len();
        for row in 0..count {
            let Worked { mut within, mut server, mut chance, saved, unsent } = worked(1);
            let key = keys(&mut within, *table)[row].clone();
            rot(&mut within, *table, &key, &mut chance);
            rotten.insert(table.name());
            let mut replica = open(within, &server, &mut chance);
            let status = replica.status(DeviceTime(server.now.0));
            let lost_work = usize::from(*table == Table::Outbox);
            // Work that cannot be done without the lost is its author's draft.
            let (drafts, before) = (status.drafts, usize::from(*table != Table::Draft));
            assert_eq!(status.unsent + drafts, unsent - lost_work + before, "{table:?} {row}");
            if !table.comes_again()
                && !matches!(table, Table::Retained | Table::Voucher | Table::Receipt)
                && key != b"encrypted"
            {
                assert_eq!(status.set_aside, 1, "{table:?}: the user hears of it");
            }
            phone::sync(&mut replica, &mut server, &mut chance);
            let missing: Vec<_> =
                saved.iter().filter(|(fact, ticket)| !phone::is_at_server(&server, *ticket, *fact)).collect();
            assert!(missing.len() <= lost_work, "{table:?} {row}: {missing:?}");
            for n in 0..3 {
                let heads = replica.look(ticket(n), DeviceTime(0), |sight| sight.ticket.doc.heads()).unwrap();
                assert_eq!(heads, Some(server.tickets[&ticket(n)].heads()), "{table:?} {row}");
            }
            assert_eq!(replica.tickets().count(), 3);
            assert_eq!(replica.awaited_blobs().count(), 2, "the host keeps its photos");
            assert!(phone::say(&mut replica, DeviceTime(server.now.0), ticket(0), Word::Note, &mut chance).is_ok());
        }
    }
    let expected = ["meta", "ticket", "admitted", "summary", "outbox", "retained", "draft", "blob"];
    assert!(expected.iter().all(|table| rotten.contains(table)), "{rotten:?}");
}

#[test]
fn what_was_set_aside_is_kept_and_counted_at_the_next_opening_too() {
    let Worked { mut within, server, mut chance, .. } = worked(2);
    let key = keys(&mut within, Table::Outbox)[1].clone();
    rot(&mut within, Table::Outbox, &key, &mut chance);
    let bytes = within.begin().unwrap().get(Table::Outbox, &key).unwrap().unwrap();
    let within = close(open(within, &server, &mut chance));
    let replica = open(within, &server, &mut chance);
    assert_eq!(replica.status(DeviceTime(0)).set_aside, 1);
    let mut store = replica.close();
    let tx = store.begin().unwrap();
    let kept = tx.get(Table::SetAside, &[b"outbox\0".as_slice(), &key].concat()).unwrap();
    assert_eq!(kept, Some(bytes), "byte for byte, for whoever can make something of it");
}

#[test]
fn with_no_network_the_work_goes_on_around_a_lost_entry() {
    let Worked { mut within, mut server, mut chance, saved, .. } = worked(3);
    // The first of three notes on ticket 0.
    let key = keys(&mut within, Table::Outbox)[0].clone();
    rot(&mut within, Table::Outbox, &key, &mut chance);
    let mut replica = open(within, &server, &mut chance);
    let now = DeviceTime(server.now.0);
    let here = phone::facts_here(&mut replica);
    assert_eq!(saved.iter().filter(|(fact, _)| !here.contains(fact)).count(), 1);
    assert!(phone::say(&mut replica, now, ticket(0), Word::Note, &mut chance).unwrap().is_some());
    let mut replica = open(close(replica), &server, &mut chance);
    assert!(phone::say(&mut replica, now, ticket(0), Word::Note, &mut chance).unwrap().is_some());
    phone::sync(&mut replica, &mut server, &mut chance);
    assert_eq!(saved.iter().filter(|(fact, at)| !phone::is_at_server(&server, *at, *fact)).count(), 1);
}
