//! A colleague's phone in hostile hands: enrolled and signed in, with a key that signs whatever its owner wants. He has
//! no ticket, knows all of them, and has read what others sent.

use std::collections::BTreeSet;

use sync_core::command::{self, Author, Stamp, TicketView};
use sync_core::document::{Actor, DocumentError, DocumentKey, Fact, Grant, GrantRole, RawChange, Scalar, Sealed};
use sync_core::ids::*;
use sync_core::peer::{PeerFault, PeerSession, Stranger};
use sync_core::policy::{Origin, Role};
use sync_core::time::{DeviceTime, Hlc};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::*;
use sync_core::workflow::Workflow;

use crate::chance::Chance;
use crate::phone::Phone;
use crate::server::{DOCUMENT_KEY, Server, TENANT};

pub struct Attacker {
    user: UserId,
    device: DeviceId,
    signer: SoftwareDeviceSigner,
    /// Every fact that he has tried to get in.
    pub tried: BTreeSet<FactId>,
    latest: FactId,
    /// His actors are his own, and new each time.
    nonce: Nonce,
}

impl Attacker {
    /// Known to the server like anybody.
    pub fn enrolled(server: &mut Server, chance: &mut Chance) -> Self {
        let (user, device) = (UserId(chance.uuid()), DeviceId(chance.uuid()));
        let signer = SoftwareDeviceSigner::from_secret(&[251; 32]).unwrap();
        server.devices.insert(device, (user, signer.public_key()));
        Self { user, device, signer, tried: BTreeSet::new(), latest: FactId(user.0), nonce: Nonce([0; 16]) }
    }

    /// One attempt, in the name of `victim` where that helps.
    pub fn strike(
        &mut self,
        server: &mut Server,
        ticket: TicketId,
        victim: &Phone,
        stolen: &[Vec<u8>],
        chance: &mut Chance,
    ) {
        self.nonce = Nonce(chance.bytes());
        let mut request = SyncRequest::new(self.device, DeviceTime(server.now.0));
        request.server_epoch = chance.percent(80).then_some(server.epoch);
        match chance.below(8) {
            0 => request.batches.extend(stolen_batch(stolen, chance)),
            1 => {
                let change = self.change(server, ticket, self.own_actor(ticket), chance);
                request.batches.push(self.batch(ticket, self.user, change));
            }
            2 => {
                let change = self.change(server, ticket, self.own_actor(ticket), chance);
                request.batches.push(self.batch(ticket, victim.identity.user, change));
            }
            3 => {
                let change = self.change(server, ticket, self.own_actor(ticket), chance);
                request.batches.push(self.batch(ticket, self.user, mutated(change, chance)));
            }
            4 => {
                let actor = Actor::of_device(TENANT, victim.identity.device, ticket, self.nonce);
                let change = self.change(server, ticket, actor, chance);
                request.batches.push(self.batch(ticket, self.user, change));
            }
            5 => {
                let RawChange { bytes, .. } = self.forged_grant(server, ticket, chance);
                let (document_key, voucher) = (None, chance.bytes::<16>().to_vec());
                request.returned.push(Returned { ticket, bytes, document_key, voucher });
            }
            6 => {
                let change = self.forged_grant(server, ticket, chance);
                request.batches.push(self.batch(ticket, self.user, change));
            }
            _ => {
                let mut bytes = stolen.last().cloned().unwrap_or_default();
                for _ in 0..chance.below(4) {
                    let at = chance.below(bytes.len());
                    bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << chance.below(8));
                }
                bytes.truncate(chance.below(bytes.len() + 1));
                server.try_sync(&bytes);
                return;
            }
        }
        server.try_sync(&envelope::pack(&request.encode(), Effort::Quick)).expect("an answer");
    }

    /// He meets a colleague in a basement, and hands over what he likes, in anybody's name.
    pub fn meet(&mut self, victim: &mut Phone, server: &Server, stolen: &[Vec<u8>], chance: &mut Chance) {
        self.nonce = Nonce(chance.bytes());
        let ticket = *server.tickets.keys().nth(chance.below(server.tickets.len())).expect("a ticket");
        let own = server.certify(self.device);
        let forged = self.forged_grant(server, ticket, chance);
        let change = self.change(server, ticket, self.own_actor(ticket), chance);
        let (certificate, batch) = match chance.below(6) {
            0 => (own.clone(), stolen_batch(stolen, chance).pop().unwrap_or_default()),
            1 => (own.clone(), self.batch(ticket, victim.identity.user, change)),
            2 => (server.certify(victim.identity.device), self.batch(ticket, self.user, change)),
            3 => (own.clone(), self.batch(ticket, self.user, mutated(change, chance))),
            4 => (own.clone(), self.batch(ticket, self.user, forged)),
            _ => (own.clone(), self.batch(ticket, self.user, change)),
        };
        let now = victim.now(server);
        let Ok(mut session) = PeerSession::initiate(victim.replica(), chance.bytes(), now) else { return };
        let mut stranger = Stranger::new(false, chance.bytes());
        // What a phone says to him, and when it has had enough of him, is its own affair.
        let mut talk = |stranger: &mut Stranger| -> Result<(), PeerFault> {
            while let Some(bytes) = session.poll_bytes(victim.replica(), now)? {
                stranger.handle_bytes(&bytes)?;
                while let Some(bytes) = stranger.poll_bytes() {
                    session.handle_bytes(victim.replica(), &bytes, now)?;
                }
            }
            while let Some(bytes) = stranger.poll_bytes() {
                session.handle_bytes(victim.replica(), &bytes, now)?;
            }
            Ok(())
        };
        let hash = Batch::decode(&batch).map_or(Sha256Hash([0; 32]), |batch| batch.hash());
        let tickets: Vec<_> = server.tickets.keys().map(|ticket| (*ticket, DocumentKey(DOCUMENT_KEY))).collect();
        let _ = talk(&mut stranger)
            .and_then(|()| Ok(stranger.say_hello(&own, &self.signer)?))
            .and_then(|()| talk(&mut stranger))
            .and_then(|()| Ok(stranger.say_what_he_has(&tickets, vec![hash], stolen_hashes(stolen))?))
            .and_then(|()| talk(&mut stranger))
            .and_then(|()| Ok(stranger.hand_over(&certificate, &batch)?))
            .and_then(|()| talk(&mut stranger));
        victim.note_what_it_took();
        let shown = victim.replica().overlay(ticket, now).expect("a store in memory");
        let entries = shown.into_iter().flat_map(|overlay| overlay.entries);
        assert_eq!(
            entries.filter(|entry| self.tried.contains(&entry.fact.id)).count(),
            0,
            "it shows what he may not say"
        );
    }

    fn own_actor(&self, ticket: TicketId) -> Actor {
        Actor::of_device(TENANT, self.device, ticket, self.nonce)
    }

    /// A note, as an engineer who has the ticket would write it.
    fn change(&mut self, server: &Server, ticket: TicketId, actor: Actor, chance: &mut Chance) -> RawChange {
        let mut doc = server.tickets[&ticket].clone();
        let fact = self.note(server, ticket, chance);
        self.tried.insert(fact.id);
        self.latest = fact.id;
        doc.append_fact(actor, &fact).unwrap()
    }

    fn note(&self, server: &Server, ticket: TicketId, chance: &mut Chance) -> Fact {
        let (workflow, doc) = (Workflow::field_service(), &server.tickets[&ticket]);
        let author = Author { user: self.user, role: Role::Dispatcher, origin: Origin::Desk };
        let id = FactId(chance.uuid());
        let stamp = Stamp { id, wall: DeviceTime(server.now.0), hlc: Hlc::default().tick(server.now), place: None };
        let text = Sealed::from_bytes(vec![7; 50]).unwrap();
        command::note(&TicketView::new(doc, &workflow, server.now), &author, stamp, None, text, None).unwrap()
    }

    /// What only the server may write: himself among those who have the ticket.
    fn forged_grant(&mut self, server: &Server, ticket: TicketId, chance: &mut Chance) -> RawChange {
        let mut doc = server.tickets[&ticket].clone();
        let (id, visit) = (GrantId(chance.uuid()), VisitId(ticket.0));
        let (user, role, from, by) = (self.user, GrantRole::Lead, server.now, self.user);
        let edit = doc.server_edit::<DocumentError>(Actor::of_server(ticket, server.epoch), |edit| {
            edit.set_core("priority", Some(&Scalar::Int(1 + chance.below(5) as i64)))?;
            edit.add_grant(Grant { id, visit, user, role, from, by, ended: None })
        });
        edit.unwrap()
    }

    fn batch(&self, ticket: TicketId, user: UserId, change: RawChange) -> Vec<u8> {
        let header = BatchHeader {
            tenant: TENANT,
            device: self.device,
            user,
            ticket,
            actor_nonce: self.nonce,
            session_nonce: Nonce(change.hash.0[..16].try_into().unwrap()),
            dev_seq: 1,
            prev_batch_hash: None,
            change_hashes: vec![change.hash],
            heads: vec![change.hash],
            fact_ids: vec![self.latest],
            signed_at: DeviceTime(0),
        };
        Batch::sign(&header, vec![change.bytes], &self.signer).unwrap().encode()
    }
}

/// Somebody else's batch, as it was heard on the way.
fn stolen_batch(stolen: &[Vec<u8>], chance: &mut Chance) -> Vec<Vec<u8>> {
    let Some(bytes) = stolen.get(chance.below(stolen.len())) else { return Vec::new() };
    let body = envelope::unpack(bytes, 8 << 20).ok();
    body.and_then(|body| SyncRequest::decode(&body).ok()).map(|request| request.batches).unwrap_or_default()
}

/// What was heard on the way, by name.
fn stolen_hashes(stolen: &[Vec<u8>]) -> Vec<Sha256Hash> {
    let batches = stolen.iter().rev().take(20).filter_map(|bytes| {
        let body = envelope::unpack(bytes, 8 << 20).ok()?;
        Some(SyncRequest::decode(&body).ok()?.batches)
    });
    batches.flatten().filter_map(|batch| Some(Batch::decode(&batch).ok()?.hash())).collect()
}

/// Some bytes of it other than they were, under a checksum that agrees.
fn mutated(RawChange { mut bytes, .. }: RawChange, chance: &mut Chance) -> RawChange {
    for _ in 0..1 + chance.below(3) {
        let at = 8 + chance.below(bytes.len() - 8);
        bytes[at] = chance.number() as u8;
    }
    let hash = Sha256Hash::of(&bytes[8..]);
    bytes[4..8].copy_from_slice(&hash.0[..4]);
    RawChange { hash, bytes }
}
