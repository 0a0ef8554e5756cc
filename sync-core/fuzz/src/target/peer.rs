//! A meeting with a colleague's phone in hostile hands: whatever it says, and at whatever point, the phone says what is
//! wrong or goes on, its tickets stay as they are, what it took opens again, and it meets the next one as if nothing had
//! been.

use std::cell::RefCell;

use sync_core::document::{DocumentKey, TicketDoc};
use sync_core::ids::*;
use sync_core::peer::{PeerFault, PeerSession, Stranger};
use sync_core::policy::Role;
use sync_core::replica::{Identity, Opening, Replica};
use sync_core::store::MemoryStore;
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::envelope::Effort;
use sync_core::wire::*;
use uuid::Uuid;

use crate::mutant;
use crate::ticket::*;

type Phone = Replica<MemoryStore>;

const NOW: DeviceTime = DeviceTime(NOON);
/// Who is met.
const OWN_DEVICE: DeviceId = DeviceId(Uuid::from_u128(0x51));

thread_local! {
    /// A phone that has the ticket and has met its server.
    static PHONE: RefCell<Phone> = RefCell::new(phone_with_the_ticket());
}

/// One byte that selects how far the meeting goes before the rest of the bytes is said.
pub fn peer(bytes: &[u8]) {
    let Some((selector, rest)) = bytes.split_first() else { return };
    let mut phone = PHONE.with_borrow(|phone| phone.fork(Box::new(key(1))));
    let before = heads(&mut phone);
    let mut meeting = Meeting::with(phone, selector & 8 != 0);
    // A fault is an answer.
    let _ = meeting.go(selector % 8, rest);
    let Meeting { mut phone, session, .. } = meeting;
    assert_eq!(heads(&mut phone), before, "the ticket is what it was");
    let taken = session.report().taken;
    assert_eq!(phone.carried(None), taken, "what is said to be kept is kept");
    let shown = phone.overlay(TICKET, NOW).expect("a store in memory").map(|overlay| overlay.entries.len());
    assert!(shown.is_none_or(|_| taken > 0));
    let again = Replica::open(phone.close(), Box::new(key(1)), opening()).expect("it opens");
    assert_eq!((again.carried(None), again.status(NOW).set_aside), (taken, 0));
    assert!(PeerSession::respond(&again, [7; 32], NOW).is_ok());
}

struct Meeting {
    phone: Phone,
    session: PeerSession,
    stranger: Stranger,
}

impl Meeting {
    fn with(phone: Phone, is_knocked_at: bool) -> Self {
        let begin = if is_knocked_at { PeerSession::respond } else { PeerSession::initiate };
        let session = begin(&phone, [1; 32], NOW).expect("a good certificate");
        Self { phone, session, stranger: Stranger::new(is_knocked_at, [2; 32]) }
    }

    fn go(&mut self, stage: u8, rest: &[u8]) -> Result<(), PeerFault> {
        if stage == 0 {
            return self.session.handle_bytes(&mut self.phone, rest, NOW);
        }
        self.pass_on()?;
        if stage == 1 {
            return self.say(rest);
        }
        self.stranger.say_hello(&certificate(), &key(2))?;
        self.pass_on()?;
        if stage == 2 {
            return self.say(rest);
        }
        let honest = batch_of(honest_change());
        let (certificate, batch) = match stage {
            3 => (certificate(), rest.to_vec()),
            // A change that is wrong in ways that noise never finds, signed by its author.
            4 => (certificate(), batch_of(mutant::chunk(rest))),
            5 => (rest.to_vec(), honest),
            _ => (certificate(), honest),
        };
        let hash = Batch::decode(&batch).map_or(Sha256Hash([0; 32]), |batch| batch.hash());
        self.stranger.say_what_he_has(&[(TICKET, KEY)], vec![hash], Vec::new())?;
        self.pass_on()?;
        if stage == 6 {
            return self.say(rest);
        }
        self.stranger.hand_over(&certificate, &batch)?;
        self.pass_on()?;
        if stage == 7 {
            assert_eq!(self.session.report().taken, 1, "an honest batch is taken: {:?}", self.session.report());
        }
        self.stranger.say_that_is_all()?;
        self.pass_on()?;
        self.say(rest)
    }

    fn say(&mut self, message: &[u8]) -> Result<(), PeerFault> {
        self.stranger.say(message)?;
        self.pass_on()
    }

    /// Both ways, until nobody has anything more to say.
    fn pass_on(&mut self) -> Result<(), PeerFault> {
        loop {
            let mut moved = false;
            while let Some(bytes) = self.session.poll_bytes(&mut self.phone, NOW)? {
                assert!(bytes.len() <= 2 + 65_535);
                self.stranger.handle_bytes(&bytes).expect("what a phone says is authentic");
                moved = true;
            }
            while let Some(bytes) = self.stranger.poll_bytes() {
                self.session.handle_bytes(&mut self.phone, &bytes, NOW)?;
                moved = true;
            }
            if !moved {
                return Ok(());
            }
        }
    }
}

fn heads(phone: &mut Phone) -> Vec<Sha256Hash> {
    phone.look(TICKET, NOW, |sight| sight.ticket.doc.heads()).expect("a store in memory").expect("the ticket")
}

fn key(secret: u8) -> SoftwareDeviceSigner {
    SoftwareDeviceSigner::from_secret(&[secret; 32]).unwrap()
}

fn server() -> ServerSigner {
    ServerSigner::from_secret(&[1; 32])
}

fn certify(device: DeviceId, user: UserId, key: &SoftwareDeviceSigner) -> Vec<u8> {
    let (role, issued, expires) = ("engineer".to_owned(), ServerTime(NOON), ServerTime(NOON + CERTIFICATE_LIFE_MS));
    DeviceCertificate { tenant: TENANT, device, user, role, key: key.public_key(), issued, expires }.sign(&server())
}

/// Of the one who is met.
pub(crate) fn certificate() -> Vec<u8> {
    certify(DEVICE, USER, &key(2))
}

pub(crate) fn honest_change() -> Vec<u8> {
    honest(&grounds()[0], sync_core::document::FactBody::Accept {})
}

/// A batch by the one who is met, with this change in it.
pub(crate) fn batch_of(chunk: Vec<u8>) -> Vec<u8> {
    let fact = sync_core::guard::check_chunk(&chunk).map_or(FIRST, |parsed| parsed.fact().id);
    let header = BatchHeader {
        tenant: TENANT,
        device: DEVICE,
        user: USER,
        ticket: TICKET,
        actor_nonce: Nonce([6; 16]),
        session_nonce: Nonce([6; 16]),
        dev_seq: 1,
        prev_batch_hash: None,
        change_hashes: vec![change_hash(&chunk).unwrap_or(Sha256Hash([0; 32]))],
        heads: Vec::new(),
        fact_ids: vec![fact],
        signed_at: NOW,
    };
    Batch::sign(&header, vec![chunk], &key(2)).unwrap().encode()
}

fn opening() -> Opening {
    Opening {
        identity: Identity { tenant: TENANT, device: OWN_DEVICE, user: USER },
        role: Role::Engineer,
        server_keys: vec![server().public_key()],
        app_version: "1.0".into(),
        session_nonce: Nonce([1; 16]),
    }
}

fn phone_with_the_ticket() -> Phone {
    let mut phone = Replica::open(MemoryStore::default(), Box::new(key(1)), opening()).unwrap();
    let request = phone.poll_request(NOW).unwrap().unwrap();
    let mut reply = SyncReply::new(ServerEpoch(Uuid::from_u128(9)), Cursor(vec![1]), ServerTime(NOON));
    reply.certificate = certify(OWN_DEVICE, USER, &key(1));
    let doc: &TicketDoc = &grounds()[0].servers;
    let DocumentKey(document_key) = KEY;
    let (snapshot, heads) = (doc.to_travel(&KEY), doc.heads());
    reply.items = vec![Item::Enter(Enter { ticket: TICKET, snapshot, heads, document_key, voucher: Vec::new() })];
    let body = signed::seal(&reply.encode(), &request, Effort::Quick, &server());
    phone.handle_reply(&body, NOW, Nonce([2; 16])).unwrap();
    phone
}
