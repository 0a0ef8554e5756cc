//! F29: a phone is given up with work on it, and hands over all of it in a file.

use std::collections::BTreeSet;

use sync_core::document::Fact;
use sync_core::ids::*;
use sync_core::replica::Unsettled;
use sync_core::store::{EncryptedStore, MemoryStore};
use sync_core::time::DeviceTime;
use sync_core::wire::{DeviceSigner, Export, Intent, Item, Standing, VerifiedBatch, exported};

use crate::phone::{self, DEVICE, IDENTITY, KEY, Word, ticket};
use sync_sim::chance::Chance;

#[test]
fn f29_the_file_holds_everything_that_is_on_the_phone_alone() {
    let (mut server, mut chance) = (phone::server_with(2), Chance(6));
    let store = EncryptedStore::open(MemoryStore::default(), &KEY).unwrap();
    let mut replica = phone::open(store, &server, &mut chance).unwrap();
    phone::sync(&mut replica, &mut server, &mut chance);
    assert!(replica.unsettled().is_nothing());
    let now = DeviceTime(server.now.0);
    phone::say(&mut replica, now, ticket(0), Word::Forbidden, &mut chance).unwrap().unwrap();
    phone::sync(&mut replica, &mut server, &mut chance);
    let empty = replica.unsettled_digest();
    let words = [(0, Word::Note), (1, Word::Step(0)), (1, Word::Photo), (0, Word::Note)];
    for (at, word) in words {
        phone::say(&mut replica, now, ticket(at), word, &mut chance).unwrap().unwrap();
    }
    let wish = Intent {
        id: IntentId(chance.uuid()),
        kind: "follow_up".into(),
        ticket: Some(ticket(0)),
        payload: b"again in May".to_vec(),
        made_at: now,
    };
    replica.wish(wish.clone()).unwrap();
    assert_eq!(replica.unsettled(), Unsettled { unsent: 4, drafts: 1, wishes: 1, files: 1, carried: 0, set_aside: 0 });
    assert_ne!(replica.unsettled_digest(), empty);

    let sealed = replica.export(now, &chance.bytes()).unwrap();
    let opened = Export::open(&sealed, &server.signer, 8 << 20).unwrap();
    assert_eq!(opened.claimed_device(), DEVICE);
    let key = phone::signer().public_key();
    let export = opened.verify(&key).unwrap();
    assert_eq!((export.tenant, export.user), (IDENTITY.tenant, IDENTITY.user));
    let of = |state: &str| export.entries.iter().filter(move |entry| entry.state == state).collect::<Vec<_>>();
    let facts: BTreeSet<FactId> = [of(exported::UNSENT), of(exported::DRAFT)]
        .concat()
        .iter()
        .map(|entry| Fact::from_bytes(&entry.payload).unwrap().id)
        .collect();
    assert_eq!(facts.len(), 5);
    assert!(replica.drafts().all(|draft| facts.contains(&draft.fact.id) && of(exported::DRAFT)[0].code == draft.code));
    assert_eq!((of(exported::WISH)[0].payload.as_slice(), export.awaited.len()), (wish.payload.as_slice(), 1));
    // The batches are as good as any that came over the network.
    let mut carried = BTreeSet::new();
    for batch in &export.batches {
        let batch = VerifiedBatch::parse(batch, &key).unwrap();
        carried.extend(batch.changes().map(|(_, fact, _)| fact));
    }
    assert!(carried.len() == 4 && carried.is_subset(&facts));

    // Handed over or not, a phone that goes on is not in its own way.
    phone::exchange(&mut replica, &mut server, &mut chance);
    assert_eq!(replica.status(now).unsent, 0);
    assert_eq!(server.said(ticket(0)) + server.said(ticket(1)), 4);
}

/// Trust, A: whoever tells a phone to wipe itself gets everything first.
#[test]
fn a_phone_told_to_wipe_keeps_what_the_server_has_not() {
    let (mut server, mut chance) = (phone::server_with(1), Chance(7));
    let mut replica = phone::open(MemoryStore::default(), &server, &mut chance).unwrap();
    phone::sync(&mut replica, &mut server, &mut chance);
    let now = DeviceTime(server.now.0);
    let mut say = |word| phone::say(&mut replica, now, ticket(0), word, &mut chance).unwrap().unwrap();
    say(Word::Forbidden);
    say(Word::Photo);
    let photo = replica.awaited_blobs().next().unwrap().sha256;
    for _ in 0..3 {
        phone::exchange_where(&mut replica, &mut server, &mut chance, |_, reply| reply.standing = Standing::Wipe);
    }
    assert_eq!(replica.unsettled(), Unsettled { drafts: 1, files: 1, ..Unsettled::default() });
    assert_eq!(replica.tickets().count(), 1, "the server has not seen the photo");

    let refused = replica.drafts().next().unwrap().fact.id;
    assert!(phone::is_at_server(&server, ticket(0), refused));
    phone::exchange_where(&mut replica, &mut server, &mut chance, |_, reply| {
        reply.standing = Standing::Wipe;
        reply.items.push(Item::BlobStored { sha256: photo });
    });
    assert_eq!((replica.unsettled(), replica.tickets().count()), (Unsettled::default(), 0));
}
