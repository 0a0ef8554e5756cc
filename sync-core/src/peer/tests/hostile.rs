//! Somebody with a good certificate who does not keep to the rules.

use super::*;

/// Ana talks to somebody who has Ben's key and certificate and says what he likes.
pub(super) struct Hostile {
    pub(super) ana: Phone,
    pub(super) session: PeerSession,
    wire: Channel,
}

impl Hostile {
    pub(super) fn met(ana: Phone) -> Self {
        let mut session = PeerSession::initiate(&ana, [1; 32], NOW).unwrap();
        let (mut ana, mut wire) = (ana, Channel::new(false, [2; 32]));
        let knock = session.poll_bytes(&mut ana, NOW).unwrap().unwrap();
        wire.receive(&mut knock.as_slice()).unwrap();
        let certificate = certificate_of(BEN).sign(&server());
        let proof = key_of(BEN).sign(&proof_of(&wire, Side::Responder, &certificate)).unwrap().0.to_vec();
        let mut hostile = Self { ana, session, wire };
        hostile.says(Message::Hello { certificate, proof }).unwrap();
        hostile
    }

    pub(super) fn says(&mut self, message: Message) -> Result<Vec<Message>, PeerFault> {
        self.says_bytes(&message.encode())
    }

    pub(super) fn says_bytes(&mut self, message: &[u8]) -> Result<Vec<Message>, PeerFault> {
        self.wire.send(message).unwrap();
        while let Some(bytes) = self.wire.poll_frame() {
            self.session.handle_bytes(&mut self.ana, &bytes, NOW)?;
        }
        let mut heard = Vec::new();
        while let Some(bytes) = self.session.poll_bytes(&mut self.ana, NOW)? {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let message = self.wire.receive(&mut rest).unwrap();
                heard.extend(message.and_then(|message| Message::decode(&message).unwrap()));
            }
        }
        Ok(heard)
    }

    /// Up to where batches are due, having offered these.
    pub(super) fn offers(ana: Phone, ben: &Phone, batches: Vec<Sha256Hash>) -> Self {
        let mut hostile = Self::met(ana);
        let tags = ben.tags(&hostile.wire.binding().unwrap(), Side::Responder).into_keys().collect();
        hostile.says(Message::Holding { tags }).unwrap();
        hostile.says(Message::Offer { batches }).unwrap();
        hostile.says(Message::Want { batches: Vec::new() }).unwrap();
        hostile
    }
}

#[test]
fn what_is_said_out_of_turn_ends_the_session() {
    let (_, ana, _) = ana_and_ben();
    let ana = || Replica::fork(&ana, Box::new(key_of(ANA)));
    let wrong = [
        Message::Hello { certificate: Vec::new(), proof: Vec::new() },
        Message::Offer { batches: Vec::new() },
        Message::Want { batches: Vec::new() },
        Message::Batch { certificate: Vec::new(), batch: Vec::new() },
        Message::Sent,
        Message::Took { taken: 1, refused: Vec::new() },
    ];
    for message in wrong {
        let mut hostile = Hostile::met(ana());
        assert_eq!(hostile.says(message.clone()).err(), Some(PeerFault::OutOfTurn), "{message:?}");
        assert_eq!(hostile.says(Message::Holding { tags: Vec::new() }).err(), Some(PeerFault::OutOfTurn), "for good");
    }
    let mut hostile = Hostile::met(ana());
    assert!(matches!(hostile.says_bytes(&[0xff; 9]), Err(PeerFault::Message(_))));
    let mut hostile = Hostile::met(ana());
    let tags = vec![[0; 16]; super::message::MAX_TAGS + 1];
    assert!(matches!(hostile.says(Message::Holding { tags }), Err(PeerFault::Message(WireError::TooMany { .. }))));
    // Of a later version, and passed over: field 15 of the envelope.
    let mut hostile = Hostile::met(ana());
    assert!(hostile.says_bytes(&[0x7a, 1, 0]).is_ok());
    assert!(hostile.says(Message::Holding { tags: Vec::new() }).is_ok());
}

#[test]
fn only_what_was_offered_is_handed_over_and_only_once() {
    let (_, mut ana, ben) = ana_and_ben();
    writes(&mut ana, "mine", 1);
    let mut hostile = Hostile::met(ana);
    let tags = ben.tags(&hostile.wire.binding().unwrap(), Side::Responder).into_keys().collect();
    let heard = hostile.says(Message::Holding { tags }).unwrap();
    let Some(Message::Offer { batches }) = heard.last() else { panic!("{heard:?}") };
    let (offered, other) = (batches[0], Sha256Hash([7; 32]));
    hostile.says(Message::Offer { batches: Vec::new() }).unwrap();
    let heard = hostile.says(Message::Want { batches: vec![other, offered, offered, other] }).unwrap();
    assert!(matches!(&heard[..], [Message::Batch { .. }, Message::Sent]), "{heard:?}");
}

#[test]
fn a_hostile_batch_is_refused_with_its_reason_and_the_next_one_is_taken() {
    let (scene, ana, mut ben) = ana_and_ben();
    writes(&mut ben, "valve closed", 3);
    let hash = ben.hand_over(&[TICKET].into(), DeviceId(ANA.0), NOW).unwrap()[0];
    let (certificate, batch) = ben.batch_to_hand_over(&hash).unwrap();
    let decoded = Batch::decode(&batch).unwrap();
    let header = decoded.claims().unwrap();
    let signed = |header: &BatchHeader, changes: Vec<Vec<u8>>, by: UserId| {
        Batch::sign(header, changes, &key_of(by)).unwrap().encode()
    };
    let changes = decoded.changes().to_vec();
    let of_cara = BatchHeader { device: DeviceId(CARA.0), user: CARA, ..header.clone() };
    let elsewhere = BatchHeader { ticket: TicketId(uuid::Uuid::from_u128(5)), ..header.clone() };
    let other_fact = BatchHeader { fact_ids: vec![FactId(uuid::Uuid::from_u128(6))], ..header.clone() };
    let mut spoilt = changes[0].clone();
    *spoilt.last_mut().unwrap() ^= 1;
    let digest = Sha256Hash::of(&spoilt[8..]);
    spoilt[4..8].copy_from_slice(&digest.0[..4]);
    let unfit = BatchHeader { change_hashes: vec![digest], ..header.clone() };
    let by_ana = BatchHeader { device: DeviceId(ANA.0), user: ANA, ..header.clone() };
    let ben_over = DeviceCertificate { expires: ServerTime(NOON - 2 * CERTIFICATE_LEEWAY_MS), ..certificate_of(BEN) };
    let by_stranger = certificate_of(BEN).sign(&ServerSigner::from_secret(&[2; 32]));
    let customer = DeviceCertificate { role: "customer".into(), ..certificate_of(BEN) };
    let mut cut = batch.clone();
    cut.truncate(batch.len() - 1);
    let cases: Vec<(Vec<u8>, Vec<u8>, &str)> = vec![
        (certificate.clone(), signed(&header, changes.clone(), CARA), "bad_signature"),
        (certificate.clone(), signed(&of_cara, changes.clone(), CARA), "other_author"),
        (certificate_of(ANA).sign(&server()), signed(&by_ana, changes.clone(), ANA), "own"),
        (certificate.clone(), signed(&elsewhere, changes.clone(), BEN), "not_shared"),
        (certificate.clone(), signed(&other_fact, changes.clone(), BEN), "other_fact"),
        (certificate.clone(), signed(&unfit, vec![spoilt], BEN), "undecodable_change"),
        (ben_over.sign(&server()), batch.clone(), "certificate"),
        (by_stranger, batch.clone(), "certificate"),
        (customer.sign(&server()), batch.clone(), "role_may_not"),
        (certificate.clone(), batch.clone(), ""),
    ];
    for (number, (certificate, batch, code)) in cases.into_iter().enumerate() {
        let ana = Replica::fork(&ana, Box::new(key_of(ANA)));
        let hash = Batch::decode(&batch).unwrap().hash();
        let mut hostile = Hostile::offers(ana, &ben, vec![hash]);
        hostile.says(Message::Batch { certificate, batch }).unwrap();
        let report = hostile.session.report().clone();
        match code {
            "" => assert_eq!(report.taken, 1),
            code => {
                assert_eq!((report.taken, report.refused[0].code.as_str()), (0, code), "{number}: {report:?}");
                assert!(!report.refused[0].detail.is_empty());
                assert_eq!((hostile.ana.carried(None), shown(&mut hostile.ana).len()), (0, 0));
            }
        }
        // The session goes on: it says what it has not taken.
        let heard = hostile.says(Message::Sent).unwrap();
        let Some(Message::Took { refused, .. }) = heard.last() else { panic!("{heard:?}") };
        assert_eq!(refused.len(), usize::from(!code.is_empty()));
    }
    // What nobody asked for ends it: not offered, or sent twice.
    let again = Message::Batch { certificate, batch };
    let mut hostile = Hostile::offers(Replica::fork(&ana, Box::new(key_of(ANA))), &ben, Vec::new());
    assert_eq!(hostile.says(again.clone()).err(), Some(PeerFault::OutOfTurn));
    let mut hostile = Hostile::offers(Replica::fork(&ana, Box::new(key_of(ANA))), &ben, vec![hash]);
    hostile.says(again.clone()).unwrap();
    assert_eq!(hostile.says(again).err(), Some(PeerFault::OutOfTurn));
    assert_eq!(hostile.ana.carried(None), 1, "what was taken stays taken");
    drop(scene);
}
