//! What each target's corpus begins with: what honest phones and servers send.

use sync_core::document::{FactBody, TicketDoc};
use sync_core::ids::*;
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::envelope::{Effort, pack};
use sync_core::wire::*;
use sync_core::workflow::Workflow;
use uuid::Uuid;

use crate::body::bodies;
use crate::mutant;
use crate::target::peer;
use crate::ticket::*;

/// The seeds of every target, each with a name: the same at each call.
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, selector: u8, bytes: &[u8]| {
        seeds.push((target, format!("seed-{name}-{selector}"), [&[selector], bytes].concat()));
    };
    for body in bodies() {
        let kind = body.kind_name().to_owned();
        for (number, ground) in grounds().iter().enumerate() {
            let chunk = honest(ground, body.clone());
            add("guard", &kind, number as u8, mutant::body(&chunk));
            if number == 0 {
                add("prescan", &kind, 0, &chunk);
                add("prescan", &kind, 1, mutant::body(&chunk));
            }
        }
        add("fact", &kind, 0, &fact(100, vec![FIRST], body).to_bytes());
    }
    add("fact", "workflow", 0, &Workflow::field_service().to_bytes());
    let (request, batch, reply) = (request(), batch(), reply());
    add("wire", "request", 0, &request.clone().encode());
    add("wire", "reply", 1, &reply.clone().encode());
    add("wire", "batch", 2, &batch);
    add("wire", "request", 3, &pack(&request.encode(), Effort::Quick));
    add("wire", "reply", 4, &pack(&reply.encode(), Effort::Thorough));
    add("wire", "batch", 5, &pack(&batch, Effort::Quick)[1..]);
    add("wire", "receipts", 6, &receipt_file());
    add("wire", "bomb", 3, &pack(&vec![0; 8 << 20], Effort::Quick));
    meetings(&mut add);
    for selector in [0, 1, 2, 0x80, 0x81, 0x82] {
        for kind in 0..4 {
            add("arrival", &format!("damage-{kind}"), selector, &[kind, 1, 44, 0xff, 0, 7]);
        }
    }
    seeds
}

/// What a colleague's phone might say, at each point of a meeting and from both ends.
fn meetings(add: &mut impl FnMut(&'static str, &str, u8, &[u8])) {
    let honest = peer::honest_change();
    let (certificate, batch) = (peer::certificate(), peer::batch_of(honest.clone()));
    // Messages by their numbers: fields of one envelope, with names or a batch within.
    let names =
        |field: u8, names: &[u8]| [&[field << 3 | 2, names.len() as u8 + 2, 10, names.len() as u8], names].concat();
    let messages =
        [names(1, &[1; 64]), names(2, &[2; 32]), names(3, &[3; 64]), names(4, &[4; 32]), vec![7 << 3 | 2, 2, 8, 1]];
    for side in [0, 8] {
        add("peer", "frame", side, &[&[0, 32], [9; 32].as_slice()].concat());
        for (number, message) in messages.iter().enumerate() {
            for stage in [1, 2, 6] {
                add("peer", &format!("message-{number}"), side + stage, message);
            }
        }
        add("peer", "batch", side + 3, &batch);
        add("peer", "change", side + 4, mutant::body(&honest));
        add("peer", "certificate", side + 5, &certificate);
        add("peer", "took", side + 7, &messages[4]);
    }
}

fn hash(byte: u8) -> Sha256Hash {
    Sha256Hash([byte; 32])
}

fn receipt() -> Receipt {
    Receipt {
        tenant: TENANT,
        device: DEVICE,
        ticket: TICKET,
        session_nonce: Nonce([6; 16]),
        dev_seq: 2,
        batch: hash(5),
        admitted: 1,
        verdicts: hash(6),
        received: ServerTime(NOON),
        position: Some(ChainPosition { version: 3, link: hash(9) }),
        server_epoch: ServerEpoch(Uuid::from_u128(9)),
        given: ServerTime(NOON),
    }
}

fn receipt_file() -> Vec<u8> {
    let server = ServerSigner::from_secret(&[7; 32]);
    let receipts = Receipts::give([receipt(), receipt()].into_iter(), &server);
    let opened = receipts.open(&[server.public_key()]).unwrap();
    let entries = opened.into_iter().map(|(_, receipt)| ReceiptEntry { receipt, batch: batch() }).collect();
    let device = SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap();
    ReceiptFile { ticket: TICKET, device_key: device.public_key(), entries }.encode()
}

fn batch() -> Vec<u8> {
    let ground = &grounds()[0];
    let chunk = honest(ground, FactBody::CheckIn {});
    let header = BatchHeader {
        tenant: TENANT,
        device: DEVICE,
        user: USER,
        ticket: TICKET,
        actor_nonce: Nonce([6; 16]),
        session_nonce: Nonce([6; 16]),
        dev_seq: 2,
        prev_batch_hash: Some(hash(1)),
        change_hashes: vec![change_hash(&chunk).unwrap()],
        heads: ground.phones.heads(),
        fact_ids: vec![fact(100, vec![], FactBody::CheckIn {}).id],
        signed_at: DeviceTime(NOON),
    };
    let signer = SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap();
    Batch::sign(&header, vec![chunk], &signer).unwrap().encode()
}

/// A request that says everything there is to say.
fn request() -> SyncRequest {
    SyncRequest {
        app_version: "1.0".into(),
        cursor: Cursor(vec![1; 24]),
        server_epoch: Some(ServerEpoch(Uuid::from_u128(9))),
        outstanding: Outstanding { unsent: 1, oldest_age_ms: 60_000, drafts: 2, blobs: 3 },
        budget: Budget { bytes: 4 << 20, documents: 500 },
        batches: vec![batch()],
        intents: vec![Intent {
            id: IntentId(Uuid::from_u128(40)),
            kind: intent::REVIEW.into(),
            ticket: Some(TICKET),
            payload: fact(100, vec![FIRST], FactBody::Accept {}).to_bytes(),
            made_at: DeviceTime(NOON),
        }],
        scope: Some(ScopeDigest::over(vec![HeldDocument::new(TICKET, &[hash(2)])])),
        held: vec![HeldDocument::new(TICKET, &[hash(2)])],
        references: vec![ReferenceVersion { set: "site".into(), version: 3 }],
        awaiting_blobs: vec![hash(3)],
        unreadable: vec![Unreadable { ticket: TICKET, failures: 1, detail: "why".into(), sample: vec![1, 2, 3] }],
        returned: vec![Returned { ticket: TICKET, bytes: vec![1; 40], document_key: None, voucher: vec![2; 16] }],
        offered_again: 1,
        ..SyncRequest::new(DEVICE, DeviceTime(NOON))
    }
}

/// A reply that says everything there is to say.
fn reply() -> SyncReply {
    let doc: &TicketDoc = &grounds()[0].servers;
    let session_nonce = Nonce([6; 16]);
    let (code, detail) = (String::from("denied"), String::from("in words"));
    let reject = |outcome| Reject {
        ticket: TICKET,
        change: hash(4),
        fact: FIRST,
        code: code.clone(),
        rule: "lead_only".into(),
        detail: detail.clone(),
        outcome,
    };
    let change = doc.changes_since(&[]).remove(0).bytes;
    SyncReply {
        acks: vec![Ack {
            device: Some(DEVICE),
            session_nonce,
            dev_seq: 2,
            admitted: 1,
            received: ServerTime(NOON),
            position: Some(ChainPosition { version: 3, link: hash(9) }),
        }],
        receipts: Receipts { statements: vec![receipt().to_bytes()], signature: vec![7; 64] },
        rejects: vec![reject(RejectOutcome::MakeAgain), reject(RejectOutcome::Quarantined { quarantine: vec![1; 16] })],
        deferred: vec![Deferred { session_nonce, dev_seq: 4, expected: 3 }],
        refused_batches: vec![BatchRefusal { position: 0, code: code.clone(), detail: detail.clone() }],
        answers: vec![IntentAnswer {
            id: IntentId(Uuid::from_u128(40)),
            outcome: IntentOutcome::Refused,
            code: code.clone(),
            detail,
            ticket: Some(TICKET),
            payload: vec![],
        }],
        items: vec![
            Item::Enter(Enter {
                ticket: TICKET,
                snapshot: doc.to_travel(&KEY),
                heads: doc.heads(),
                document_key: KEY.0,
                voucher: vec![5; 16],
            }),
            Item::Delta(Delta {
                ticket: TICKET,
                changes: vec![SyncedChange { bytes: change, voucher: vec![5; 16] }],
                heads: doc.heads(),
                document_key: Some(KEY.0),
            }),
            Item::Leave { ticket: TICKET, reason: LeaveReason::Reassigned },
            Item::Reference(Reference {
                set: "site".into(),
                version: 4,
                rows: vec![ReferenceRow { key: "one".into(), value: vec![1], removed: false }],
                replaces_all: true,
                has_more: true,
            }),
            Item::BlobStored { sha256: hash(3) },
            Item::Notice(Notice {
                fact: FIRST,
                ticket: TICKET,
                decision: NoticeDecision::Accepted,
                code,
                note: "fine".into(),
                quarantine: vec![1; 16],
            }),
            Item::PoolCard(PoolCard { ticket: TICKET, gone: false, card: b"{}".to_vec() }),
            Item::Unknown,
        ],
        more: true,
        upgrade_required: Some(Upgrade { min_protocol: 2, min_app_version: "2.0".into() }),
        scope: Some(ScopeAnswer::Differs),
        standing: Standing::PushOnly,
        retry_after_ms: 1000,
        server_keys: vec![ServerSigner::from_secret(&[1; 32]).public_key()],
        feed_reset: true,
        ..SyncReply::new(ServerEpoch(Uuid::from_u128(9)), Cursor(vec![1; 24]), ServerTime(NOON))
    }
}
