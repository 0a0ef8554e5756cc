//! A phone over any store: its opening, what its user says, one exchange.

use std::collections::BTreeSet;

use sync_core::command;
use sync_core::document::Fact;
use sync_core::ids::*;
use sync_core::policy::Role;
use sync_core::replica::{ExecuteError, Failure, Identity, OpenError, Opening, Replica, ReplyFault, Sight};
use sync_core::store::{Store, StoreError, StoreKey};
use sync_core::time::DeviceTime;
use sync_core::wire::envelope::Effort;
use sync_core::wire::{DeviceSigner, SoftwareDeviceSigner, SyncReply, signed};

use sync_sim::chance::Chance;
use sync_sim::server::{FORBIDDEN, Server, TENANT};

pub const ANA: UserId = UserId(uuid::Uuid::from_u128(0xa));
pub const DEVICE: DeviceId = DeviceId(uuid::Uuid::from_u128(0xdea));
pub const KEY: StoreKey = StoreKey([7; 32]);
pub const IDENTITY: Identity = Identity { tenant: TENANT, device: DEVICE, user: ANA };

pub fn ticket(n: u128) -> TicketId {
    TicketId(uuid::Uuid::from_u128(1000 + n))
}

/// A server that knows the phone, and has given it so many tickets.
pub fn server_with(tickets: u128) -> Server {
    let mut server = Server::new(1);
    server.devices.insert(DEVICE, (ANA, signer().public_key()));
    for n in 0..tickets {
        server.create_ticket(ticket(n));
        server.show(ticket(n), ANA);
    }
    server
}

pub fn signer() -> SoftwareDeviceSigner {
    SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap()
}

pub fn open<S: Store>(store: S, server: &Server, chance: &mut Chance) -> Result<Replica<S>, OpenError> {
    let opening = Opening {
        identity: IDENTITY,
        role: Role::Engineer,
        server_keys: vec![server.signer.public_key()],
        app_version: "1.0".into(),
        session_nonce: Nonce(chance.bytes()),
    };
    Replica::open(store, Box::new(signer()), opening)
}

/// What an engineer may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Note,
    Photo,
    Step(usize),
    /// What the model's policy denies.
    Forbidden,
}

type Step = fn(&command::TicketView<'_>, &command::Author, command::Stamp, VisitId) -> Result<Fact, command::Refusal>;
pub const STEPS: [Step; 5] = [command::accept, command::depart, command::check_in, command::start, command::check_out];

/// Says it; nothing if it may not be said now, or the ticket is not here.
pub fn say<S: Store>(
    replica: &mut Replica<S>,
    now: DeviceTime,
    ticket: TicketId,
    word: Word,
    chance: &mut Chance,
) -> Result<Option<FactId>, StoreError> {
    let (id, visit) = (FactId(chance.uuid()), VisitId(ticket.0));
    let photo = Sha256Hash(chance.bytes());
    let said = replica.execute(ticket, now, |sight| {
        let (view, author, stamp) = (&sight.ticket, &sight.author, sight.stamp(id, None));
        let note =
            |stamp, text: &str| command::note(view, author, stamp, Some(visit), sight.seal(id, "text", text), None);
        match word {
            Word::Note => note(stamp, "The seal was worn; replaced."),
            Word::Photo => {
                let (size, mime, role) = (2 << 20, "image/jpeg".into(), "after".into());
                let photo = command::Attachment { sha256: photo, size, mime, role, step: None };
                command::attach(view, author, stamp, Some(visit), photo)
            }
            Word::Step(step) => STEPS[step](view, author, stamp, visit),
            Word::Forbidden => {
                command::answer(view, author, stamp, visit, FORBIDDEN.into(), sight.seal(id, "value", "x"))
            }
        }
    });
    match said {
        Ok(id) => Ok(Some(id)),
        Err(ExecuteError::NotHere | ExecuteError::Refused(_)) => Ok(None),
        Err(ExecuteError::Store(why)) => Err(why),
        Err(why) => panic!("{why:?}"),
    }
}

/// One exchange over a good link.
pub fn exchange<S: Store>(replica: &mut Replica<S>, server: &mut Server, chance: &mut Chance) -> bool {
    try_exchange(replica, server, chance).unwrap()
}

/// The same where the store may fail.
fn try_exchange<S: Store>(
    replica: &mut Replica<S>,
    server: &mut Server,
    chance: &mut Chance,
) -> Result<bool, StoreError> {
    let now = DeviceTime(server.now.0);
    let request = replica.poll_request(now)?.expect("no exchange is under way");
    let reply = server.sync(&request);
    match replica.handle_reply(&reply, now, Nonce(chance.bytes())) {
        Ok(arrived) => Ok(arrived.has_more),
        Err(ReplyFault::Store(why)) => Err(why),
        Err(why) => panic!("{why}"),
    }
}

/// One exchange in which the server says something else than what it would have said.
pub fn exchange_where<S: Store>(
    replica: &mut Replica<S>,
    server: &mut Server,
    chance: &mut Chance,
    change: impl FnOnce(&[u8], &mut SyncReply),
) {
    let now = DeviceTime(server.now.0);
    let request = replica.poll_request(now).unwrap().expect("no exchange is under way");
    let key = [server.signer.public_key()];
    let reply = signed::open(&server.sync(&request), Sha256Hash::of(&request), &key, 8 << 20).unwrap();
    let mut reply = SyncReply::decode(&reply).unwrap();
    change(&request, &mut reply);
    let sealed = signed::seal(&reply.encode(), &request, Effort::Quick, &server.signer);
    replica.handle_reply(&sealed, now, Nonce(chance.bytes())).unwrap();
}

/// Exchanges until nothing is left to send or to fetch.
pub fn sync<S: Store>(replica: &mut Replica<S>, server: &mut Server, chance: &mut Chance) {
    try_sync(replica, server, chance).unwrap();
}

/// The same where the store may fail.
pub fn try_sync<S: Store>(
    replica: &mut Replica<S>,
    server: &mut Server,
    chance: &mut Chance,
) -> Result<(), StoreError> {
    for round in 0.. {
        let status = replica.status(DeviceTime(server.now.0));
        assert!(round < 200, "never done: {status:?}");
        let has_more = try_exchange(replica, server, chance)?;
        let status = replica.status(DeviceTime(server.now.0));
        let waits = replica.wishes().any(|wish| wish.answer.is_none());
        if !has_more && !waits && status.unsent == 0 && status.unreadable.is_empty() {
            break;
        }
    }
    Ok(())
}

/// The exchange under way comes to nothing.
pub fn lose_answer<S: Store>(replica: &mut Replica<S>) {
    replica.handle_failure(Failure::Offline);
}

/// Every fact that its author sees on this phone: in its ticket, or as a draft.
pub fn facts_here<S: Store>(replica: &mut Replica<S>) -> BTreeSet<FactId> {
    let tickets: Vec<TicketId> = replica.tickets().map(|summary| summary.ticket).collect();
    let mut facts: BTreeSet<FactId> = replica.drafts().map(|draft| draft.fact.id).collect();
    for ticket in tickets {
        let here = |sight: &Sight<'_>| sight.ticket.doc.facts().map(|fact| fact.id).collect::<Vec<_>>();
        facts.extend(replica.look(ticket, DeviceTime(0), here).unwrap().into_iter().flatten());
    }
    facts
}

/// Whether the server has it: in its ticket, or set aside for a dispatcher to see.
pub fn is_at_server(server: &Server, ticket: TicketId, fact: FactId) -> bool {
    server.tickets[&ticket].fact(fact).is_some()
        || server.quarantine.contains_key(&fact)
        || server.reviews.contains_key(&fact)
}

/// Nothing that was said to be saved is missing both here and there.
pub fn assert_not_lost<S: Store>(replica: &mut Replica<S>, server: &Server, saved: &[(FactId, TicketId)], when: &str) {
    let here = facts_here(replica);
    for (fact, ticket) in saved {
        assert!(here.contains(fact) || is_at_server(server, *ticket, *fact), "{fact} is lost {when}");
    }
}

/// A directory in memory where there is one: thousands of stores are opened.
pub fn scratch() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}
