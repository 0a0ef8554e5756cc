//! F23: what the server sends of many tickets cannot be used. Each is given up after a few times, and what came of it
//! goes back to the server, a little at a time.

use std::collections::BTreeMap;

use sync_core::ids::TicketId;
use sync_core::store::{EncryptedStore, MemoryStore};
use sync_core::time::DeviceTime;
use sync_core::wire::{Item, SyncRequest, envelope};

use crate::phone::{self, KEY, ticket};
use sync_sim::chance::Chance;

#[test]
fn f23_what_came_of_many_given_up_tickets_goes_back_a_little_at_a_time() {
    const TICKETS: usize = 40;
    let (mut server, mut chance) = (phone::server_with(TICKETS as u128), Chance(23));
    let store = EncryptedStore::open(MemoryStore::default(), &KEY).unwrap();
    let mut replica = phone::open(store, &server, &mut chance).unwrap();
    let junk = |ticket: TicketId| [ticket.as_bytes().as_slice(), &[0xa5; 70_000]].concat();
    let mut told: BTreeMap<TicketId, Vec<u8>> = BTreeMap::new();
    for round in 0..40 {
        phone::exchange_where(&mut replica, &mut server, &mut chance, |request, reply| {
            assert!(request.len() < 1 << 20, "{} bytes", request.len());
            let request = SyncRequest::decode(&envelope::unpack(request, 8 << 20).unwrap()).unwrap();
            for said in request.unreadable.into_iter().filter(|said| !said.sample.is_empty()) {
                assert_eq!(said.failures, 3);
                assert!(told.insert(said.ticket, said.sample).is_none(), "once each");
            }
            for item in &mut reply.items {
                if let Item::Enter(enter) = item {
                    enter.snapshot = junk(enter.ticket);
                }
            }
        });
        if round % 7 == 3 {
            // What was kept for the server is on the disk.
            replica = phone::open(replica.close(), &server, &mut chance).unwrap();
        }
    }
    assert_eq!(told.len(), TICKETS);
    assert!(told.iter().all(|(ticket, sample)| *sample == junk(*ticket)[..64 << 10]));
    assert_eq!(replica.status(DeviceTime(server.now.0)).unreadable.len(), TICKETS);
    assert!((0..TICKETS as u128).all(|n| told.contains_key(&ticket(n))));
}
