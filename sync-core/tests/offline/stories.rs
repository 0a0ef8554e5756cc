//! One story each.

use sync_core::ids::*;

use sync_sim::chance::Chance;
use sync_sim::network::Link;
use sync_sim::phone::{Phone, Word};
use sync_sim::server::Server;

const ANA: UserId = UserId(uuid::Uuid::from_u128(0xa));
const BO: UserId = UserId(uuid::Uuid::from_u128(0xb));

fn ticket(n: u128) -> TicketId {
    TicketId(uuid::Uuid::from_u128(1000 + n))
}

fn note(n: usize) -> Word {
    Word::Note(format!("note {n}"))
}

/// A server with so many tickets, all of which Ana may see.
fn a_server(tickets: u128) -> (Server, Chance) {
    let mut server = Server::new(1);
    for n in 0..tickets {
        server.create_ticket(ticket(n));
        server.show(ticket(n), ANA);
    }
    (server, Chance(42))
}

fn ana(server: &mut Server, chance: &mut Chance) -> Phone {
    let mut phone = Phone::enrolled(server, ANA, chance);
    phone.sync(server, chance);
    phone
}

#[test]
fn offline_work_arrives_and_is_only_then_called_synced() {
    let (mut server, mut chance) = a_server(2);
    let mut phone = ana(&mut server, &mut chance);
    assert!(phone.replica().status(sync_core::time::DeviceTime(0)).is_synced);
    let said: Vec<_> =
        (0..5).map(|n| phone.say(&server, ticket(n % 2), note(n as usize), &mut chance).unwrap()).collect();
    let status = phone.status(&server);
    assert!(!status.is_synced);
    assert_eq!(status.unsent, 5);
    for link in [Link::RequestLost, Link::ReplyLost, Link::Portal, Link::ReplyLost] {
        phone.exchange(&mut server, link, &mut chance);
        let status = phone.status(&server);
        assert!(!status.is_synced);
        assert_eq!(status.unsent, 5);
        assert!(status.trouble.is_some());
    }
    phone.sync(&mut server, &mut chance);
    let status = phone.status(&server);
    assert!(status.is_synced && status.trouble.is_none());
    for (n, id) in said.iter().enumerate() {
        assert!(server.tickets[&ticket(n as u128 % 2)].fact(*id).is_some());
    }
    for n in 0..2 {
        assert_eq!(phone.doc(ticket(n)).unwrap().heads(), server.tickets[&ticket(n)].heads());
        assert_eq!(phone.doc(ticket(n)).unwrap().pending().count(), 0);
    }
}

#[test]
fn the_same_push_ten_times_counts_once() {
    let (mut server, mut chance) = a_server(1);
    let mut phone = ana(&mut server, &mut chance);
    phone.say(&server, ticket(0), note(1), &mut chance);
    for _ in 0..10 {
        phone.exchange(&mut server, Link::ReplyLost, &mut chance);
    }
    phone.exchange(&mut server, Link::RequestTwice, &mut chance);
    assert_eq!(phone.unsent(), 0);
    assert_eq!(server.said(ticket(0)), 1);
    assert_eq!(server.tickets[&ticket(0)].changes_since(&[]).len(), 4, "created, assigned, said, admitted");
}

#[test]
fn one_refused_change_among_400_does_not_hold_the_399() {
    let (mut server, mut chance) = a_server(4);
    let mut phone = ana(&mut server, &mut chance);
    let mut refused = None;
    for n in 0..400_usize {
        let body = if n == 123 { Word::Forbidden } else { note(n) };
        let id = phone.say(&server, ticket(n as u128 % 4), body, &mut chance).unwrap();
        if n == 123 {
            refused = Some(id);
        }
    }
    let refused = refused.unwrap();
    phone.sync(&mut server, &mut chance);
    assert_eq!(phone.unsent(), 0);
    let there: usize = server.tickets.keys().map(|ticket| server.said(*ticket)).sum();
    assert_eq!(there, 399);
    assert_eq!(server.quarantine.keys().collect::<Vec<_>>(), [&refused]);
    let drafts: Vec<_> = phone.replica().drafts().map(|draft| (draft.fact.id, draft.code.clone())).collect();
    assert_eq!(drafts, [(refused, "denied".to_owned())]);
    // Ids, order and contents are as they were; only what came after the refused one comes after its past instead.
    let doc = &server.tickets[&ticket(3)];
    assert_eq!(server.said(ticket(3)), 99);
    assert!(doc.facts().all(|fact| !fact.after.contains(&refused)));
    for n in 0..4 {
        assert_eq!(phone.doc(ticket(n)).unwrap().heads(), server.tickets[&ticket(n)].heads());
    }
    phone.replica().settle_draft(refused).unwrap();
    assert_eq!(phone.replica().drafts().count(), 0);
}

#[test]
fn work_made_after_a_refusal_was_sent_is_not_lost_either() {
    let (mut server, mut chance) = a_server(1);
    let mut phone = ana(&mut server, &mut chance);
    phone.say(&server, ticket(0), Word::Forbidden, &mut chance);
    phone.exchange(&mut server, Link::ReplyLost, &mut chance);
    let late = phone.say(&server, ticket(0), note(1), &mut chance).unwrap();
    phone.exchange(&mut server, Link::ReplyLost, &mut chance);
    let later = phone.say(&server, ticket(0), note(2), &mut chance).unwrap();
    phone.sync(&mut server, &mut chance);
    let doc = &server.tickets[&ticket(0)];
    let assigned = doc.facts().find(|fact| fact.body.kind().is_desk()).unwrap().id;
    assert_eq!(doc.fact(late).unwrap().after, [assigned]);
    assert_eq!(doc.fact(later).unwrap().after, [late]);
    assert_eq!(phone.unsent(), 0);
}

#[test]
fn a_restored_backup_and_its_clone_both_live_on() {
    let (mut server, mut chance) = a_server(1);
    let mut phone = ana(&mut server, &mut chance);
    let before = phone.say(&server, ticket(0), note(0), &mut chance).unwrap();
    let mut twin = phone.cloned(&server, &mut chance);
    let mine = phone.say(&server, ticket(0), note(1), &mut chance).unwrap();
    let its = twin.say(&server, ticket(0), note(2), &mut chance).unwrap();
    let backup = twin.backup();
    phone.sync(&mut server, &mut chance);
    twin.sync(&mut server, &mut chance);
    let more = twin.say(&server, ticket(0), note(3), &mut chance).unwrap();
    twin.sync(&mut server, &mut chance);
    // The twin falls back to its backup, and goes on from there.
    twin.open(backup, &server, &mut chance);
    let after = twin.say(&server, ticket(0), note(4), &mut chance).unwrap();
    twin.sync(&mut server, &mut chance);
    phone.sync(&mut server, &mut chance);
    let doc = &server.tickets[&ticket(0)];
    for id in [before, mine, its, more, after] {
        assert!(doc.fact(id).is_some());
    }
    assert_eq!(server.said(ticket(0)), 5);
    for phone in [&mut phone, &mut twin] {
        assert_eq!(phone.unsent(), 0);
        assert_eq!(phone.replica().drafts().count(), 0);
        assert_eq!(phone.doc(ticket(0)).unwrap().heads(), server.tickets[&ticket(0)].heads());
    }
}

#[test]
fn a_server_restored_from_an_old_backup_gets_everything_again() {
    let (mut server, mut chance) = a_server(2);
    let mut phone = ana(&mut server, &mut chance);
    server.show(ticket(0), BO);
    let mut other = Phone::enrolled(&mut server, BO, &mut chance);
    other.sync(&mut server, &mut chance);
    let kept = phone.say(&server, ticket(0), note(0), &mut chance).unwrap();
    phone.sync(&mut server, &mut chance);
    let backup = server.clone();

    server.edit(ticket(0), 1);
    let lost = phone.say(&server, ticket(0), note(1), &mut chance).unwrap();
    phone.sync(&mut server, &mut chance);
    other.sync(&mut server, &mut chance);
    let theirs = other.say(&server, ticket(0), note(2), &mut chance).unwrap();
    other.sync(&mut server, &mut chance);
    phone.sync(&mut server, &mut chance);
    let elsewhere = phone.say(&server, ticket(1), note(3), &mut chance).unwrap();
    phone.sync(&mut server, &mut chance);
    let unsent = phone.say(&server, ticket(1), note(4), &mut chance).unwrap();

    let mut server = server.restored(&backup, 2);
    assert_eq!(server.said(ticket(0)), 1);
    for _ in 0..2 {
        phone.sync(&mut server, &mut chance);
        other.sync(&mut server, &mut chance);
    }
    let doc = &server.tickets[&ticket(0)];
    for id in [kept, lost, theirs] {
        assert!(doc.fact(id).is_some());
    }
    assert_eq!(doc.core().priority, 1, "the desk's edit came back on the server's own voucher");
    for id in [elsewhere, unsent] {
        assert!(server.tickets[&ticket(1)].fact(id).is_some());
    }
    for n in 0..2 {
        assert_eq!(phone.doc(ticket(n)).unwrap().heads(), server.tickets[&ticket(n)].heads());
    }
    assert_eq!(phone.unsent() + other.unsent(), 0);
}

#[test]
fn leaving_never_deletes_unsent_work() {
    let (mut server, mut chance) = a_server(1);
    let mut phone = ana(&mut server, &mut chance);
    let said = phone.say(&server, ticket(0), note(1), &mut chance).unwrap();
    phone.exchange(&mut server, Link::RequestLost, &mut chance);
    server.hide(ticket(0), ANA);
    // The reply brings the leave, and the acknowledgement in the same page lets the ticket go.
    let refused = phone.say(&server, ticket(0), Word::Forbidden, &mut chance).unwrap();
    phone.sync(&mut server, &mut chance);
    assert!(server.tickets[&ticket(0)].fact(said).is_some());
    assert_eq!(phone.replica().tickets().count(), 1, "the draft still needs it");
    phone.replica().settle_draft(refused).unwrap();
    assert_eq!(phone.replica().tickets().count(), 0);
    assert!(phone.doc(ticket(0)).is_none());
}

#[test]
fn a_clock_a_year_off_changes_nothing_but_a_warning() {
    let (mut server, mut chance) = a_server(1);
    let mut phone = Phone::enrolled(&mut server, ANA, &mut chance);
    phone.clock_off_ms = -365 * 86_400_000;
    phone.sync(&mut server, &mut chance);
    let said = phone.say(&server, ticket(0), note(1), &mut chance).unwrap();
    phone.sync(&mut server, &mut chance);
    let status = phone.status(&server);
    assert!(status.is_clock_off && status.is_synced);
    let fact = server.tickets[&ticket(0)].fact(said).unwrap();
    assert_eq!(fact.wall.0, server.now.0 + phone.clock_off_ms, "shown as it was");
    assert_eq!(fact.hlc.millis(), server.now.0, "ordered as it should be");
}

#[test]
fn a_stale_answer_is_no_answer() {
    let (mut server, mut chance) = a_server(1);
    let mut phone = ana(&mut server, &mut chance);
    let now = phone.now(&server);
    phone.say(&server, ticket(0), note(1), &mut chance);
    let slow = phone.replica().poll_request(now).unwrap().unwrap();
    assert!(phone.replica().poll_request(now).unwrap().is_none(), "one at a time");
    let slow_reply = server.sync(&slow);
    phone.replica().handle_failure(sync_core::replica::Failure::Offline);
    phone.say(&server, ticket(0), note(2), &mut chance);
    phone.replica().poll_request(now).unwrap().unwrap();
    assert!(phone.replica().handle_reply(&slow_reply, now, Nonce([9; 16])).is_err());
    phone.sync(&mut server, &mut chance);
    assert_eq!(server.said(ticket(0)), 2);
}

#[test]
fn restarts_keep_everything_that_was_saved() {
    let (mut server, mut chance) = a_server(2);
    let mut phone = ana(&mut server, &mut chance);
    for n in 0..20_usize {
        phone.say(&server, ticket(n as u128 % 2), note(n), &mut chance).unwrap();
        if n % 3 == 0 {
            phone.exchange(&mut server, Link::ReplyLost, &mut chance);
        }
        if n % 4 == 0 {
            phone.restart(&server, &mut chance);
        }
        assert_eq!(phone.unsent(), n + 1);
    }
    phone.sync(&mut server, &mut chance);
    let there: usize = server.tickets.keys().map(|ticket| server.said(*ticket)).sum();
    assert_eq!((there, phone.unsent()), (20, 0));
}

#[test]
fn a_device_told_to_wipe_sends_what_it_has_first() {
    let (mut server, mut chance) = a_server(1);
    let mut phone = ana(&mut server, &mut chance);
    let said = phone.say(&server, ticket(0), note(1), &mut chance).unwrap();
    server.standing.insert(phone.identity.device, sync_core::wire::Standing::Wipe);
    phone.exchange(&mut server, Link::RequestLost, &mut chance);
    assert_eq!(phone.replica().tickets().count(), 1);
    phone.exchange(&mut server, Link::Good, &mut chance);
    assert!(server.tickets[&ticket(0)].fact(said).is_some());
    assert_eq!(phone.replica().tickets().count(), 0);
    assert!(phone.doc(ticket(0)).is_none());
}
