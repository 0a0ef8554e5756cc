//! One fact of every kind.

use sync_core::document::{Covers, FactBody, Fields, Kind, Quantity, Scalar, Sealed, Side};
use sync_core::ids::*;
use sync_core::time::{DeviceTime, ServerTime};
use uuid::Uuid;

use crate::ticket::{FIRST, GRANT, NOON, USER};

/// Bodies of every kind, those that only the desk may say as well.
pub fn bodies() -> Vec<FactBody> {
    let hash = Sha256Hash([4; 32]);
    let reason = || "a_reason".to_owned();
    let sealed = || Sealed::from_bytes((0..60).collect()).unwrap();
    let window = |ms| Some(ServerTime(NOON + ms));
    Kind::ALL
        .iter()
        .map(|kind| match kind {
            Kind::Accept => FactBody::Accept {},
            Kind::Decline => FactBody::Decline { reason: reason() },
            Kind::Depart => FactBody::Depart {},
            Kind::CheckIn => FactBody::CheckIn {},
            Kind::CheckOut => FactBody::CheckOut {},
            Kind::Start => FactBody::Start {},
            Kind::Pause => FactBody::Pause { reason: reason() },
            Kind::Done => FactBody::Done { outcome: "solved".into(), solution: Some(sealed()) },
            Kind::Verify => FactBody::Verify {},
            Kind::Close => FactBody::Close {},
            Kind::Cancel => FactBody::Cancel { reason: reason() },
            Kind::Reopen => FactBody::Reopen { reason: reason() },
            Kind::Assign => FactBody::Assign { grant: GRANT, user: USER, start: window(0), end: window(1) },
            Kind::Unassign => FactBody::Unassign { grant: GRANT },
            Kind::DeskEdit => {
                FactBody::DeskEdit { path: "priority".into(), old: Some(Scalar::Int(2)), new: Some(Scalar::Int(1)) }
            }
            Kind::Reschedule => FactBody::Reschedule {
                start: window(1).map(|to| Side { seen: window(0), to }),
                end: window(9).map(|to| Side { seen: None, to }),
            },
            Kind::Note => FactBody::Note { text: sealed(), corrects: Some(FIRST) },
            Kind::Answer => FactBody::Answer { step: "oil".into(), value: sealed(), corrects: None },
            Kind::PartUsed => FactBody::PartUsed {
                part: PartId(Uuid::from_u128(8)),
                quantity: Quantity::new(2).unwrap(),
                serial: Some("SN-1".into()),
            },
            Kind::PartRequest => FactBody::PartRequest {
                part: PartId(Uuid::from_u128(8)),
                quantity: Quantity::new(1_000_000).unwrap(),
                note: Some(sealed()),
            },
            Kind::Labour => FactBody::Labour { start: DeviceTime(NOON), end: DeviceTime(NOON + 60_000) },
            Kind::Blob => FactBody::Blob {
                sha256: hash,
                size: 1 << 20,
                mime: "image/jpeg".into(),
                role: "before".into(),
                step: Some("oil".into()),
            },
            Kind::Signature => FactBody::Signature {
                shown_sha256: hash,
                covers: Covers::new([(FIRST, hash)]),
                strokes_sha256: hash,
                signer: sealed(),
            },
            Kind::Unknown => FactBody::Unknown {
                kind: "sang_to_it".into(),
                fields: Fields::from([("song".into(), "la".into()), ("loud".into(), Scalar::Bool(true))]),
            },
        })
        .collect()
}
