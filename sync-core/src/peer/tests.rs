//! Two phones that have met their server once and now meet each other; and what they do when somebody else is there.

use super::channel::Channel;
use super::message::Message;
use super::*;
use crate::command;
use crate::document::{DocumentKey, GrantRole};
use crate::ids::*;
use crate::policy::Role;
use crate::replica::{Identity, NoCertificate, Opening, Replica, Side};
use crate::store::MemoryStore;
use crate::testing::*;
use crate::time::{DeviceTime, ServerTime};
use crate::wire::signed;
use crate::wire::*;

mod hostile;
mod proof;

use hostile::Hostile;

type Phone = Replica<MemoryStore>;

const NOW: DeviceTime = DeviceTime(NOON);
const CARA: UserId = UserId(uuid::Uuid::from_u128(0xc3));
const TENANT: TenantId = TenantId(uuid::Uuid::nil());

fn server() -> ServerSigner {
    ServerSigner::from_secret(&[1; 32])
}

fn key_of(user: UserId) -> SoftwareDeviceSigner {
    SoftwareDeviceSigner::from_secret(&[user.as_bytes()[15]; 32]).unwrap()
}

fn certificate_of(user: UserId) -> DeviceCertificate {
    DeviceCertificate {
        tenant: TENANT,
        device: DeviceId(user.0),
        user,
        role: "engineer".into(),
        key: key_of(user).public_key(),
        issued: ServerTime(NOON),
        expires: ServerTime(NOON + CERTIFICATE_LIFE_MS),
    }
}

fn opened(user: UserId) -> Phone {
    let opening = Opening {
        identity: Identity { tenant: TENANT, device: DeviceId(user.0), user },
        role: Role::Engineer,
        server_keys: vec![server().public_key()],
        app_version: "1.0".into(),
        session_nonce: Nonce([user.as_bytes()[15]; 16]),
    };
    Replica::open(MemoryStore::default(), Box::new(key_of(user)), opening).unwrap()
}

/// The server answers: with this certificate, and the scene's ticket if the phone is to have it.
fn answer(phone: &mut Phone, scene: &Scene, certificate: &DeviceCertificate, has_ticket: bool) {
    let request = phone.poll_request(NOW).unwrap().unwrap();
    let mut reply = SyncReply::new(ServerEpoch(uuid::Uuid::from_u128(0xe)), Cursor(vec![1]), ServerTime(NOON));
    reply.certificate = certificate.sign(&server());
    if has_ticket {
        let (snapshot, heads) = (scene.server.to_travel(&KEY), scene.server.heads());
        let DocumentKey(document_key) = KEY;
        reply.items.push(Item::Enter(Enter { ticket: TICKET, snapshot, heads, document_key, voucher: Vec::new() }));
    }
    let body = signed::seal(&reply.encode(), &request, envelope::Effort::Quick, &server());
    phone.handle_reply(&body, NOW, Nonce([99; 16])).unwrap();
}

/// Ana and Ben both have the visit, and have synced.
fn ana_and_ben() -> (Scene, Phone, Phone) {
    let mut scene = Scene::new();
    scene.assign(ANA, GrantRole::Lead);
    scene.assign(BEN, GrantRole::Crew);
    let [ana, ben] = [ANA, BEN].map(|user| {
        let mut phone = opened(user);
        answer(&mut phone, &scene, &certificate_of(user), true);
        phone
    });
    (scene, ana, ben)
}

fn writes(phone: &mut Phone, text: &str, number: u64) -> FactId {
    let id = stamp(NOON, number).id;
    phone
        .execute(TICKET, NOW, |sight| {
            let text = sight.seal(id, "text", text);
            command::note(&sight.ticket, &sight.author, sight.stamp(id, None), Some(VISIT), text, None)
        })
        .unwrap()
}

fn sessions(ana: &Phone, ben: &Phone) -> (PeerSession, PeerSession) {
    (PeerSession::initiate(ana, [1; 32], NOW).unwrap(), PeerSession::respond(ben, [2; 32], NOW).unwrap())
}

/// Carries bytes both ways until nothing moves.
fn talk(
    (one, first): (&mut PeerSession, &mut Phone),
    (other, second): (&mut PeerSession, &mut Phone),
) -> Result<(), PeerFault> {
    loop {
        let mut moved = false;
        while let Some(bytes) = one.poll_bytes(first, NOW)? {
            assert!(bytes.len() <= 65_537);
            other.handle_bytes(second, &bytes, NOW)?;
            moved = true;
        }
        while let Some(bytes) = other.poll_bytes(second, NOW)? {
            one.handle_bytes(first, &bytes, NOW)?;
            moved = true;
        }
        if !moved {
            return Ok(());
        }
    }
}

fn meet(ana: &mut Phone, ben: &mut Phone) -> (PeerReport, PeerReport) {
    let (mut one, mut other) = sessions(ana, ben);
    talk((&mut one, ana), (&mut other, ben)).unwrap();
    assert!(one.is_over() && other.is_over() && one.fault().is_none() && other.fault().is_none());
    (one.report().clone(), other.report().clone())
}

fn shown(phone: &mut Phone) -> Vec<(FactId, UserId)> {
    let overlay = phone.overlay(TICKET, NOW).unwrap();
    overlay.into_iter().flat_map(|overlay| overlay.entries).map(|entry| (entry.fact.id, entry.author)).collect()
}

fn proof_of(wire: &Channel, side: Side, certificate: &[u8]) -> Vec<u8> {
    super::session::proved(&wire.binding().unwrap(), side, certificate)
}

#[test]
fn each_sees_what_the_other_did_and_builds_nothing_on_it() {
    let (_, mut ana, mut ben) = ana_and_ben();
    let anas = [writes(&mut ana, "the pump is dry", 1), writes(&mut ana, "sent for parts", 2)];
    let bens = writes(&mut ben, "valve closed", 3);
    let (report, other) = meet(&mut ana, &mut ben);
    assert_eq!((report.shared, report.taken, report.handed_over, &report.refused[..]), (1, 1, 1, &[][..]));
    assert_eq!(report.peer.map(|peer| peer.user), Some(BEN));
    assert_eq!(other.tickets, [TICKET].into());
    assert_eq!(shown(&mut ana), [(bens, BEN)]);
    assert_eq!(shown(&mut ben), anas.map(|fact| (fact, ANA)));
    // What Ben says now comes after what he had seen of the server and said himself, and after nothing of Ana's.
    let next = writes(&mut ben, "opened it again", 4);
    let after = ben.look(TICKET, NOW, |sight| sight.ticket.doc.fact(next).unwrap().after.clone()).unwrap().unwrap();
    assert!(after.contains(&bens) && anas.iter().all(|fact| !after.contains(fact)));
    assert!(ben.look(TICKET, NOW, |sight| sight.ticket.doc.fact(anas[0]).is_none()).unwrap().unwrap());
    // A second meeting brings only what is new.
    let (report, other) = meet(&mut ana, &mut ben);
    assert_eq!((report.taken, report.known, other.taken, other.known), (1, 1, 0, 1));
}

#[test]
fn what_was_taken_is_there_after_a_restart_and_passed_on_to_a_third() {
    let (scene, mut ana, mut ben) = ana_and_ben();
    let fact = writes(&mut ana, "the pump is dry", 1);
    meet(&mut ana, &mut ben);
    let mut store = ben.close();
    let mut twin = opened(BEN);
    let opening = Opening {
        identity: twin.identity(),
        role: Role::Engineer,
        server_keys: vec![server().public_key()],
        app_version: "1.0".into(),
        session_nonce: Nonce([77; 16]),
    };
    answer(&mut twin, &scene, &certificate_of(BEN), true);
    assert_eq!(shown(&mut twin), []);
    let mut ben = Replica::open(std::mem::take(&mut store), Box::new(key_of(BEN)), opening).unwrap();
    assert_eq!(shown(&mut ben), [(fact, ANA)]);
    let mut cara = opened(CARA);
    answer(&mut cara, &scene, &certificate_of(CARA), true);
    let (_, report) = meet(&mut ben, &mut cara);
    assert_eq!(report.taken, 1);
    let overlay = cara.overlay(TICKET, NOW).unwrap().unwrap();
    let entry = &overlay.entries[0];
    assert_eq!((entry.author, entry.handed_over_by), (ANA, DeviceId(BEN.0)));
    // Ana gets nothing of her own back.
    assert_eq!(meet(&mut cara, &mut ana).1.taken, 0);
}

/// He passes on, between two channels of his own, what each of the phones says of itself.
#[test]
fn what_is_carried_never_makes_a_request_that_no_server_takes() {
    let (_, mut ana, mut ben) = ana_and_ben();
    for number in 0..5 {
        writes(&mut ana, &"a".repeat(60_000), number);
        writes(&mut ben, &"b".repeat(60_000), 10 + number);
    }
    let hashes = ben.hand_over(&[TICKET].into(), DeviceId(ANA.0), NOW).unwrap();
    let batches: Vec<Batch> =
        hashes.iter().map(|hash| Batch::decode(&ben.batch_to_hand_over(hash).unwrap().1).unwrap()).collect();
    assert_eq!(batches.len(), 2, "an honest phone makes two of it");
    // All in one, signed by him: larger than any of ours.
    let claims: Vec<BatchHeader> = batches.iter().map(|batch| batch.claims().unwrap()).collect();
    let header = BatchHeader {
        change_hashes: claims.iter().flat_map(|claims| claims.change_hashes.clone()).collect(),
        fact_ids: claims.iter().flat_map(|claims| claims.fact_ids.clone()).collect(),
        ..claims[0].clone()
    };
    let changes = batches.iter().flat_map(|batch| batch.changes().to_vec()).collect();
    let huge = Batch::sign(&header, changes, &key_of(BEN)).unwrap();
    let mut hostile = Hostile::offers(Replica::fork(&ana, Box::new(key_of(ANA))), &ben, vec![huge.hash()]);
    let (certificate, batch) = (certificate_of(BEN).sign(&server()), huge.encode());
    hostile.says(Message::Batch { certificate, batch }).unwrap();
    assert_eq!(hostile.session.report().refused[0].code, "too_much");
    // The honest ones are taken, and go out beside her own with room to spare.
    assert_eq!(meet(&mut ana, &mut ben).0.taken, 2);
    let request = ana.poll_request(NOW).unwrap().unwrap();
    let asked = SyncRequest::decode(&envelope::unpack(&request, 8 << 20).unwrap()).unwrap();
    assert_eq!((asked.batches.len(), asked.couriered.len()), (2, 1));
    assert!(request.len() < 1 << 20, "{}", request.len());
}

#[test]
fn what_stands_on_news_that_has_not_come_is_carried_and_shown_once_it_has() {
    let (mut scene, mut ana, mut ben) = ana_and_ben();
    // Ben hears of the desk's edit, Ana does not.
    scene.desk(|ticket, author, stamp| command::note(ticket, author, stamp, None, sealed("call first"), None));
    answer(&mut ben, &scene, &certificate_of(BEN), true);
    let fact = writes(&mut ben, "called", 3);
    assert_eq!(meet(&mut ana, &mut ben).0.taken, 1);
    let overlay = ana.overlay(TICKET, NOW).unwrap().unwrap();
    assert_eq!((overlay.entries.len(), overlay.waiting), (0, 1));
    answer(&mut ana, &scene, &certificate_of(ANA), true);
    assert_eq!(shown(&mut ana), [(fact, BEN)]);
    assert_eq!(ana.overlay(TICKET, NOW).unwrap().unwrap().waiting, 0);
}

#[test]
fn a_phone_that_goes_out_of_reach_in_the_middle_has_what_it_took() {
    let (_, mut ana, mut ben) = ana_and_ben();
    writes(&mut ana, "the pump is dry", 1);
    let mut all = Vec::new();
    // The bytes of a whole meeting, to know how many frames there are.
    {
        let (mut ana, mut ben) =
            (Replica::fork(&ana, Box::new(key_of(ANA))), Replica::fork(&ben, Box::new(key_of(BEN))));
        let (mut one, mut other) = sessions(&ana, &ben);
        loop {
            let before = all.len();
            while let Some(bytes) = one.poll_bytes(&mut ana, NOW).unwrap() {
                other.handle_bytes(&mut ben, &bytes, NOW).unwrap();
                all.push(bytes);
            }
            while let Some(bytes) = other.poll_bytes(&mut ben, NOW).unwrap() {
                one.handle_bytes(&mut ana, &bytes, NOW).unwrap();
                all.push(bytes);
            }
            if all.len() == before {
                break;
            }
        }
    }
    assert!(all.len() > 10);
    for cut in 0..all.len() {
        let (mut one, mut other) = sessions(&ana, &ben);
        let mut left = cut;
        while left > 0 {
            match one.poll_bytes(&mut ana, NOW).unwrap() {
                Some(bytes) => other.handle_bytes(&mut ben, &bytes, NOW).unwrap(),
                None => {
                    let Some(bytes) = other.poll_bytes(&mut ben, NOW).unwrap() else { break };
                    one.handle_bytes(&mut ana, &bytes, NOW).unwrap();
                }
            }
            left -= 1;
        }
        assert!(!one.is_over() || !other.is_over() || cut + 1 >= all.len(), "cut after {cut}");
        assert_eq!(ben.carried(None), other.report().taken.max(shown(&mut ben).len()));
    }
    assert_eq!(shown(&mut ben).len(), 1);
}
