//! Round trips, hostile bytes, and what must never change about the format.

use proptest::prelude::*;

use super::*;
use crate::ids::*;
use crate::time::{DeviceTime, ServerTime};

fn uuid(n: u8) -> uuid::Uuid {
    uuid::Uuid::from_bytes([n; 16])
}

/// Something that looks like a change chunk: right magic and checksum, any contents.
fn chunk(contents: &[u8]) -> Vec<u8> {
    let hash = Sha256Hash::of(contents);
    [&[0x85, 0x6f, 0x4a, 0x83], &hash.0[..4], contents].concat()
}

fn a_header(changes: &[Vec<u8>]) -> BatchHeader {
    BatchHeader {
        tenant: TenantId(uuid(1)),
        device: DeviceId(uuid(2)),
        user: UserId(uuid(3)),
        ticket: TicketId(uuid(4)),
        actor_nonce: Nonce([5; 16]),
        session_nonce: Nonce([6; 16]),
        dev_seq: 1,
        prev_batch_hash: None,
        change_hashes: changes.iter().map(|change| change_hash(change).unwrap()).collect(),
        heads: vec![Sha256Hash([7; 32])],
        fact_ids: (0..changes.len()).map(|n| FactId(uuid(n as u8))).collect(),
        signed_at: DeviceTime(-5),
    }
}

fn a_batch() -> (Batch, SoftwareDeviceSigner) {
    let signer = SoftwareDeviceSigner::from_secret(&[9; 32]).unwrap();
    let changes = vec![chunk(b"one"), chunk(b"two")];
    (Batch::sign(&a_header(&changes), changes, &signer).unwrap(), signer)
}

fn a_full_request() -> SyncRequest {
    let mut request = SyncRequest::new(DeviceId(uuid(2)), DeviceTime(1_700_000_000_000));
    request.app_version = "1.2.3".into();
    request.cursor = Cursor(vec![1, 2, 3]);
    request.server_epoch = Some(ServerEpoch(uuid(8)));
    request.outstanding = Outstanding { unsent: 3, oldest_age_ms: 60_000, drafts: 1, blobs: 2 };
    request.budget = Budget { bytes: 1 << 20, documents: 500 };
    request.batches = vec![a_batch().0.encode(), vec![0xff]];
    request.intents = vec![Intent {
        id: IntentId(uuid(4)),
        kind: intent::TAKE.into(),
        ticket: Some(TicketId(uuid(5))),
        payload: b"{}".to_vec(),
        made_at: DeviceTime(7),
    }];
    let held = vec![HeldDocument::new(TicketId(uuid(5)), &[Sha256Hash([1; 32])])];
    request.scope = Some(ScopeDigest::over(held.clone()));
    request.held = held;
    request.references = vec![ReferenceVersion { set: "parts".into(), version: 7 }];
    request.awaiting_blobs = vec![Sha256Hash([3; 32]), Sha256Hash([4; 32])];
    request.unreadable =
        vec![Unreadable { ticket: TicketId(uuid(6)), failures: 3, detail: "no".into(), sample: vec![1] }];
    request.offered_again = 2;
    request.wants_certificate = true;
    request.couriered = vec![a_batch().0.encode(), vec![0xfe]];
    request.returned = vec![
        Returned { ticket: TicketId(uuid(6)), bytes: vec![1], document_key: None, voucher: vec![2] },
        Returned { ticket: TicketId(uuid(7)), bytes: vec![3], document_key: Some([4; 32]), voucher: vec![5] },
    ];
    request
}

fn a_full_reply() -> SyncReply {
    let ticket = TicketId(uuid(5));
    let mut reply = SyncReply::new(ServerEpoch(uuid(8)), Cursor(vec![9]), ServerTime(1_700_000_000_001));
    reply.acks = vec![Ack {
        device: Some(DeviceId(uuid(1))),
        session_nonce: Nonce([6; 16]),
        dev_seq: 4,
        admitted: 2,
        received: ServerTime(5),
        position: Some(ChainPosition { version: 6, link: Sha256Hash([7; 32]) }),
    }];
    reply.receipts = Receipts { statements: vec![vec![1], vec![2]], signature: vec![3; 64] };
    reply.rejects = [RejectOutcome::Quarantined { quarantine: vec![1; 16] }, RejectOutcome::MakeAgain]
        .map(|outcome| Reject {
            ticket,
            change: Sha256Hash([2; 32]),
            fact: FactId(uuid(3)),
            code: "denied".into(),
            rule: "not_granted".into(),
            detail: "…".into(),
            outcome,
        })
        .to_vec();
    reply.deferred = vec![Deferred { session_nonce: Nonce([6; 16]), dev_seq: 4, expected: 2 }];
    reply.refused_batches = vec![BatchRefusal { position: 1, code: "bad_signature".into(), detail: String::new() }];
    reply.certificate = vec![7; 200];
    reply.refused_couriered = vec![BatchRefusal { position: 2, code: "no_author".into(), detail: "…".into() }];
    reply.answers = vec![IntentAnswer {
        id: IntentId(uuid(4)),
        outcome: IntentOutcome::Refused,
        code: "taken".into(),
        detail: "by Ana".into(),
        ticket: None,
        payload: vec![],
    }];
    reply.items = vec![
        Item::Enter(Enter {
            ticket,
            snapshot: vec![1, 2],
            heads: vec![Sha256Hash([1; 32])],
            document_key: [4; 32],
            voucher: vec![7; 16],
        }),
        Item::Delta(Delta {
            ticket,
            changes: vec![SyncedChange { bytes: vec![3], voucher: vec![] }],
            heads: vec![],
            document_key: Some([5; 32]),
        }),
        Item::Leave { ticket, reason: LeaveReason::Reassigned },
        Item::Reference(Reference {
            set: "parts".into(),
            version: 9,
            rows: vec![ReferenceRow { key: "k".into(), value: b"{}".to_vec(), removed: false }],
            replaces_all: true,
            has_more: false,
        }),
        Item::BlobStored { sha256: Sha256Hash([6; 32]) },
        Item::Notice(Notice {
            fact: FactId(uuid(3)),
            ticket,
            decision: NoticeDecision::Accepted,
            code: "accepted".into(),
            note: "fine".into(),
            quarantine: vec![1; 16],
        }),
        Item::PoolCard(PoolCard { ticket, gone: false, card: b"{}".to_vec() }),
        Item::Unknown,
    ];
    reply.more = true;
    reply.upgrade_required = Some(Upgrade { min_protocol: 2, min_app_version: "2.0".into() });
    reply.scope = Some(ScopeAnswer::Differs);
    reply.standing = Standing::PushOnly;
    reply.retry_after_ms = 500;
    reply.server_keys = vec![ServerSigner::from_secret(&[1; 32]).public_key()];
    reply.feed_reset = true;
    reply
}

#[test]
fn messages_come_back_as_they_were() {
    assert_eq!(SyncRequest::decode(&a_full_request().encode()).unwrap(), a_full_request());
    assert_eq!(SyncReply::decode(&a_full_reply().encode()).unwrap(), a_full_reply());
}

/// The format is for ever: if one of these digests changes, phones in the field can no longer be read.
#[test]
fn the_format_of_today_does_not_change() {
    let batch = Batch::sign(&a_header(&[chunk(b"one")]), vec![chunk(b"one")], &a_batch().1).unwrap();
    let mut request = a_full_request();
    request.batches = vec![];
    // As it was before phones carried batches for each other.
    let mut without_couriers = request.clone();
    (without_couriers.wants_certificate, without_couriers.couriered) = (false, vec![]);
    // As the first apps wrote it, who knew of no documents to give back and of no batches offered again.
    let mut of_the_first_apps = without_couriers.clone();
    of_the_first_apps.offered_again = 0;
    of_the_first_apps.returned.truncate(1);
    let mut without_certificate = a_full_reply();
    (without_certificate.certificate, without_certificate.refused_couriered) = (vec![], vec![]);
    // As the first servers wrote it.
    let mut without_receipts = without_certificate.clone();
    without_receipts.receipts = Receipts::default();
    without_receipts.acks[0].position = None;
    for (what, bytes, digest) in [
        ("request of the first apps", of_the_first_apps.encode(), GOLDEN_FIRST_REQUEST),
        ("request without couriers", without_couriers.encode(), GOLDEN_REQUEST),
        ("request", request.encode(), GOLDEN_REQUEST_WITH_COURIERS),
        ("reply without receipts", without_receipts.encode(), GOLDEN_REPLY),
        ("reply without a certificate", without_certificate.encode(), GOLDEN_REPLY_WITH_RECEIPTS),
        ("reply", a_full_reply().encode(), GOLDEN_REPLY_WITH_CERTIFICATE),
        ("batch header", batch.header_bytes().to_vec(), GOLDEN_HEADER),
    ] {
        assert_eq!(Sha256Hash::of(&bytes).to_string()[..16], *digest, "{what}");
    }
}

#[test]
fn nothing_new_is_small() {
    let mut request = SyncRequest::new(DeviceId(uuid(2)), DeviceTime(1_700_000_000_000));
    request.cursor = Cursor(vec![1; 16]);
    request.server_epoch = Some(ServerEpoch(uuid(8)));
    let request = envelope::pack(&request.encode(), envelope::Effort::Quick);
    let reply = SyncReply::new(ServerEpoch(uuid(8)), Cursor(vec![1; 16]), ServerTime(1_700_000_000_000));
    let server = ServerSigner::from_secret(&[1; 32]);
    let reply = signed::seal(&reply.encode(), &request, envelope::Effort::Quick, &server);
    assert!(request.len() + reply.len() <= 200, "{} + {}", request.len(), reply.len());
}

#[test]
fn a_batch_is_only_what_its_device_signed() {
    let (batch, signer) = a_batch();
    let key = signer.public_key();
    let verified = VerifiedBatch::parse(&batch.encode(), &key).unwrap();
    assert_eq!(verified.changes().len(), 2);
    assert_eq!(verified.hash(), batch.hash());
    assert_eq!(verified.header(), &batch.claims().unwrap());

    let stranger = SoftwareDeviceSigner::from_secret(&[8; 32]).unwrap().public_key();
    assert_eq!(batch.clone().verify(&stranger), Err(BatchError::BadSignature));

    let bytes = batch.encode();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            if let Ok(accepted) = VerifiedBatch::parse(&changed, &key) {
                // Only what is not part of the meaning may differ, and there is none of that in this encoding.
                panic!("bit {bit} of byte {at} changed unnoticed: {accepted:?}");
            }
        }
    }
}

#[test]
fn a_header_that_contradicts_itself_is_refused() {
    let signer = a_batch().1;
    let changes = vec![chunk(b"one"), chunk(b"two")];
    let sign = |change: fn(&mut BatchHeader)| {
        let mut header = a_header(&changes);
        change(&mut header);
        Batch::sign(&header, changes.clone(), &signer).unwrap().verify(&signer.public_key())
    };
    assert!(sign(|_| ()).is_ok());
    assert_eq!(sign(|header| header.change_hashes.clear()), Err(BatchError::Empty));
    assert!(matches!(sign(|header| header.dev_seq = 0), Err(BatchError::Contradiction(_))));
    assert!(matches!(sign(|header| header.dev_seq = 2), Err(BatchError::Contradiction(_))));
    assert!(matches!(
        sign(|header| header.prev_batch_hash = Some(Sha256Hash([0; 32]))),
        Err(BatchError::Contradiction(_))
    ));
    assert!(matches!(sign(|header| header.fact_ids.truncate(1)), Err(BatchError::Contradiction(_))));
    assert!(matches!(sign(|header| header.change_hashes.swap(0, 1)), Err(BatchError::OtherChange { position: 0 })));
}

#[test]
fn many_tiny_entries_are_refused_before_they_are_allocated() {
    let flood = [0x52, 0x00].repeat(MAX_ENTRIES + 1);
    assert_eq!(SyncRequest::decode(&flood), Err(WireError::TooMany { limit: MAX_ENTRIES }));
}

/// A group within a group within a group: each is two bytes, and a decoder that followed them all would end the process.
#[test]
fn nesting_without_an_end_is_refused() {
    let nested = [0xbb, 0x3e].repeat(500_000); // field 999, begin of a group
    assert!(matches!(SyncRequest::decode(&nested), Err(WireError::NotA { .. })));
    assert!(matches!(SyncReply::decode(&nested), Err(WireError::NotA { .. })));
    assert!(matches!(Batch::decode(&nested), Err(BatchError::Malformed(_))));
    assert!(crate::document::Fact::from_bytes(&nested).is_err());
    assert!(crate::workflow::Workflow::from_bytes(&nested).is_err());
    assert_eq!(Batch::decode(&vec![0; MAX_BATCH_BYTES + 1]), Err(BatchError::TooLarge));
}

#[test]
fn fields_of_a_later_version_are_skipped() {
    let mut request = a_full_request().encode();
    request.extend([0xba, 0x3e, 3, 1, 2, 3]); // field 999, three bytes
    assert_eq!(SyncRequest::decode(&request).unwrap(), a_full_request());
    let mut reply = SyncReply::new(ServerEpoch(uuid(8)), Cursor::default(), ServerTime(0)).encode();
    reply.extend([0x4a, 4, 0xba, 0x3e, 1, 1]); // an item of an unknown kind
    assert_eq!(SyncReply::decode(&reply).unwrap().items, [Item::Unknown]);
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = SyncRequest::decode(&bytes);
        let _ = SyncReply::decode(&bytes);
        if let Ok(batch) = Batch::decode(&bytes) {
            prop_assert!(batch.verify(&a_batch().1.public_key()).is_err());
        }
    }

    #[test]
    fn damaged_messages_are_answered(
        cut in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        twice in any::<bool>(),
    ) {
        for mut bytes in [a_full_request().encode(), a_full_reply().encode(), a_batch().0.encode()] {
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if twice {
                let copy = bytes.clone();
                bytes.extend(copy);
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = SyncRequest::decode(&bytes);
            let _ = SyncReply::decode(&bytes);
            let _ = Batch::decode(&bytes).map(|batch| batch.claims());
        }
    }
}

const GOLDEN_FIRST_REQUEST: &str = "edc6f440b655de44";
const GOLDEN_REQUEST: &str = "944f924ee1f40adf";
const GOLDEN_REQUEST_WITH_COURIERS: &str = "e4a57207b22a9534";
const GOLDEN_REPLY: &str = "523b84381cb75946";
const GOLDEN_REPLY_WITH_RECEIPTS: &str = "66f3f72f6375ed0e";
const GOLDEN_REPLY_WITH_CERTIFICATE: &str = "4c0ca3e931642e6c";
const GOLDEN_HEADER: &str = "2e394256a099df70";
