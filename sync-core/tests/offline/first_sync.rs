//! What the first sync of a full day weighs.

use sync_core::document::{DocumentKey, TicketDoc};
use sync_core::ids::*;
use sync_core::wire::envelope::{Effort, pack};
use sync_core::wire::{Enter, Item, SyncReply};

use sync_sim::chance::Chance;
use sync_sim::phone::{Phone, Word};
use sync_sim::server::{DOCUMENT_KEY, Server};

const ANA: UserId = UserId(uuid::Uuid::from_u128(0xa));
const TICKETS: u128 = 30;
const NOTES: usize = 20;

/// A server with tickets on which much was said.
fn a_busy_server(chance: &mut Chance) -> Server {
    let mut server = Server::new(1);
    let tickets: Vec<_> = (0..TICKETS).map(|n| TicketId(uuid::Uuid::from_u128(1000 + n))).collect();
    for ticket in &tickets {
        server.create_ticket(*ticket);
        server.show(*ticket, ANA);
    }
    let mut phone = Phone::enrolled(&mut server, ANA, chance);
    phone.sync(&mut server, chance);
    for n in 0..NOTES {
        for ticket in &tickets {
            phone.say(&server, *ticket, Word::Note(format!("note {n}")), chance).unwrap();
        }
        server.now.0 += 60_000;
    }
    phone.sync(&mut server, chance);
    server
}

fn page(server: &Server, save: impl Fn(&TicketDoc) -> Vec<u8>) -> usize {
    let mut reply = SyncReply::new(server.epoch, Default::default(), server.now);
    reply.items = server
        .tickets
        .iter()
        .map(|(ticket, doc)| {
            let (snapshot, heads) = (save(doc), doc.heads());
            Item::Enter(Enter { ticket: *ticket, snapshot, heads, document_key: DOCUMENT_KEY, voucher: vec![] })
        })
        .collect();
    pack(&reply.encode(), Effort::Thorough).len()
}

#[test]
fn open_texts_packed_as_a_whole_beat_sealed_ones_and_these_packed_snapshots() {
    let mut chance = Chance(1);
    let server = a_busy_server(&mut chance);
    let (plain, packed) = (page(&server, TicketDoc::save_plain), page(&server, TicketDoc::save));
    let open = page(&server, |doc| doc.to_travel(&DocumentKey(DOCUMENT_KEY)));
    let each = [open, plain, packed].map(|bytes| bytes / TICKETS as usize);
    println!(
        "a ticket of {NOTES} notes weighs {} bytes, {} with sealed texts, {} if each is packed",
        each[0], each[1], each[2]
    );
    assert!(plain * 100 < packed * 95, "{plain} against {packed}");
    // At least the nonce and the tag of each note are saved.
    assert!(open + 40 * TICKETS as usize * NOTES < plain, "{open} against {plain}");
}

#[test]
fn the_first_sync_takes_two_requests_and_nothing_new_a_few_bytes() {
    let mut chance = Chance(2);
    let mut server = a_busy_server(&mut chance);
    let mut phone = Phone::enrolled(&mut server, ANA, &mut chance);
    let now = phone.now(&server);
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let request = phone.replica().poll_request(now).unwrap().unwrap();
        let reply = server.sync(&request);
        sizes.push((request.len(), reply.len()));
        phone.replica().handle_reply(&reply, now, Nonce(chance.bytes())).unwrap();
    }
    println!("first sync, then nothing new: {sizes:?}");
    assert_eq!(phone.replica().tickets().count(), TICKETS as usize);
    assert!(phone.status(&server).is_synced);
    let (request, reply) = sizes[2];
    assert!(request + reply <= 300, "nothing new costs {request} + {reply} bytes");
}
