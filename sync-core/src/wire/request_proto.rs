//! How each part of a request becomes its message and back.

use super::batch::each;
use super::request::*;
use super::{Cursor, WireError, field, optional, proto};
use crate::ids::{DeviceId, IntentId, ServerEpoch, Sha256Hash, TicketId};
use crate::time::DeviceTime;

impl From<SyncRequest> for proto::SyncRequest {
    fn from(request: SyncRequest) -> Self {
        Self {
            protocol: request.protocol,
            app_version: request.app_version,
            device: request.device.as_bytes().to_vec(),
            cursor: request.cursor.0,
            server_epoch: request.server_epoch.map(|epoch| epoch.as_bytes().to_vec()).unwrap_or_default(),
            device_time: request.device_time.0,
            outstanding: (request.outstanding != Outstanding::default()).then(|| request.outstanding.into()),
            budget: (request.budget != Budget::default())
                .then_some(proto::Budget { bytes: request.budget.bytes, documents: request.budget.documents }),
            batches: request.batches,
            intents: request.intents.into_iter().map(Into::into).collect(),
            scope: request
                .scope
                .map(|scope| proto::ScopeDigest { documents: scope.documents, digest: scope.digest.0.to_vec() }),
            held: request.held.iter().flat_map(HeldDocument::encoded).collect(),
            references: request
                .references
                .into_iter()
                .map(|ReferenceVersion { set, version }| proto::ReferenceVersion { set, version })
                .collect(),
            awaiting_blobs: request.awaiting_blobs.iter().flat_map(|hash| hash.0).collect(),
            unreadable: request.unreadable.into_iter().map(Into::into).collect(),
            returned: request.returned.into_iter().map(Into::into).collect(),
            offered_again: request.offered_again,
            wants_certificate: request.wants_certificate,
            couriered: request.couriered,
        }
    }
}

impl TryFrom<proto::SyncRequest> for SyncRequest {
    type Error = WireError;

    fn try_from(request: proto::SyncRequest) -> Result<Self, WireError> {
        let budget = request.budget.unwrap_or_default();
        let outstanding = request.outstanding.unwrap_or_default();
        Ok(Self {
            protocol: request.protocol,
            app_version: request.app_version,
            device: field("device", &request.device, DeviceId::from_slice)?,
            cursor: Cursor(request.cursor),
            server_epoch: optional("server_epoch", &request.server_epoch, ServerEpoch::from_slice)?,
            device_time: DeviceTime(request.device_time),
            outstanding: Outstanding {
                unsent: outstanding.unsent,
                oldest_age_ms: outstanding.oldest_age_ms,
                drafts: outstanding.drafts,
                blobs: outstanding.blobs,
            },
            budget: Budget { bytes: budget.bytes, documents: budget.documents },
            batches: request.batches,
            intents: request.intents.into_iter().map(Intent::try_from).collect::<Result<_, _>>()?,
            scope: request
                .scope
                .map(|scope| {
                    let digest = field("scope.digest", &scope.digest, Sha256Hash::from_slice)?;
                    Ok(ScopeDigest { documents: scope.documents, digest })
                })
                .transpose()?,
            held: each("held", &request.held, 24, HeldDocument::from_bytes)?,
            references: request
                .references
                .into_iter()
                .map(|proto::ReferenceVersion { set, version }| ReferenceVersion { set, version })
                .collect(),
            awaiting_blobs: each("awaiting_blobs", &request.awaiting_blobs, 32, Sha256Hash::from_slice)?,
            unreadable: request.unreadable.into_iter().map(Unreadable::try_from).collect::<Result<_, _>>()?,
            returned: request.returned.into_iter().map(Returned::try_from).collect::<Result<_, _>>()?,
            offered_again: request.offered_again,
            wants_certificate: request.wants_certificate,
            couriered: request.couriered,
        })
    }
}

impl From<Outstanding> for proto::Outstanding {
    fn from(Outstanding { unsent, oldest_age_ms, drafts, blobs }: Outstanding) -> Self {
        Self { unsent, oldest_age_ms, drafts, blobs }
    }
}

impl HeldDocument {
    pub(super) fn encoded(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(self.ticket.as_bytes());
        bytes[16..].copy_from_slice(&self.heads);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let (ticket, heads) = bytes.split_at(16);
        let heads = heads.try_into().map_err(|_| WireError::Field { field: "held" })?;
        Ok(Self { ticket: field("held", ticket, TicketId::from_slice)?, heads })
    }
}

impl From<Intent> for proto::Intent {
    fn from(Intent { id, kind, ticket, payload, made_at }: Intent) -> Self {
        let ticket = ticket.map(|ticket| ticket.as_bytes().to_vec()).unwrap_or_default();
        Self { id: id.as_bytes().to_vec(), kind, ticket, payload, made_at: made_at.0 }
    }
}

impl TryFrom<proto::Intent> for Intent {
    type Error = WireError;

    fn try_from(intent: proto::Intent) -> Result<Self, WireError> {
        Ok(Self {
            id: field("intent.id", &intent.id, IntentId::from_slice)?,
            kind: intent.kind,
            ticket: optional("intent.ticket", &intent.ticket, TicketId::from_slice)?,
            payload: intent.payload,
            made_at: DeviceTime(intent.made_at),
        })
    }
}

impl From<Unreadable> for proto::Unreadable {
    fn from(Unreadable { ticket, failures, detail, sample }: Unreadable) -> Self {
        Self { ticket: ticket.as_bytes().to_vec(), failures, detail, sample }
    }
}

impl TryFrom<proto::Unreadable> for Unreadable {
    type Error = WireError;

    fn try_from(proto::Unreadable { ticket, failures, detail, sample }: proto::Unreadable) -> Result<Self, WireError> {
        let ticket = field("unreadable.ticket", &ticket, TicketId::from_slice)?;
        Ok(Self { ticket, failures, detail, sample })
    }
}

impl From<Returned> for proto::Returned {
    fn from(Returned { ticket, bytes, document_key, voucher }: Returned) -> Self {
        let document_key = document_key.map(Vec::from).unwrap_or_default();
        Self { ticket: ticket.as_bytes().to_vec(), bytes, voucher, document_key }
    }
}

impl TryFrom<proto::Returned> for Returned {
    type Error = WireError;

    fn try_from(returned: proto::Returned) -> Result<Self, WireError> {
        let proto::Returned { ticket, bytes, voucher, document_key } = returned;
        let ticket = field("returned.ticket", &ticket, TicketId::from_slice)?;
        let document_key = optional("returned.document_key", &document_key, |key: &[u8]| key.try_into())?;
        Ok(Self { ticket, bytes, document_key, voucher })
    }
}
