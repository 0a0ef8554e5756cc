//! How each part of a reply becomes its message and back.

use super::batch::each;
use super::reply::*;
use super::{ChainPosition, Cursor, Receipts, ServerKey, WireError, field, optional, proto};
use crate::ids::{DeviceId, FactId, IntentId, Nonce, ServerEpoch, Sha256Hash, TicketId};
use crate::time::ServerTime;

impl From<SyncReply> for proto::SyncReply {
    fn from(reply: SyncReply) -> Self {
        Self {
            server_epoch: reply.server_epoch.as_bytes().to_vec(),
            cursor: reply.cursor.0,
            server_time: reply.server_time.0,
            acks: reply.acks.into_iter().map(Into::into).collect(),
            rejects: reply.rejects.into_iter().map(Into::into).collect(),
            deferred: reply.deferred.into_iter().map(Into::into).collect(),
            refused_batches: reply.refused_batches.into_iter().map(Into::into).collect(),
            answers: reply.answers.into_iter().map(Into::into).collect(),
            items: reply.items.into_iter().map(Into::into).collect(),
            more: reply.more,
            upgrade_required: reply
                .upgrade_required
                .map(|Upgrade { min_protocol, min_app_version }| proto::Upgrade { min_protocol, min_app_version }),
            scope: match reply.scope {
                None => 0,
                Some(ScopeAnswer::Same) => 1,
                Some(ScopeAnswer::Differs) => 2,
            },
            standing: match reply.standing {
                Standing::Active => 0,
                Standing::PushOnly => 1,
                Standing::Wipe => 2,
            },
            retry_after_ms: reply.retry_after_ms,
            server_keys: reply.server_keys.iter().flat_map(ServerKey::to_bytes).collect(),
            feed_reset: reply.feed_reset,
            protocol: reply.protocol,
            certificate: reply.certificate,
            refused_couriered: reply.refused_couriered.into_iter().map(Into::into).collect(),
            receipts: reply.receipts.statements,
            receipts_signature: reply.receipts.signature,
        }
    }
}

impl TryFrom<proto::SyncReply> for SyncReply {
    type Error = WireError;

    fn try_from(reply: proto::SyncReply) -> Result<Self, WireError> {
        Ok(Self {
            server_epoch: field("server_epoch", &reply.server_epoch, ServerEpoch::from_slice)?,
            cursor: Cursor(reply.cursor),
            server_time: ServerTime(reply.server_time),
            acks: all(reply.acks)?,
            rejects: all(reply.rejects)?,
            deferred: all(reply.deferred)?,
            refused_batches: reply.refused_batches.into_iter().map(Into::into).collect(),
            answers: all(reply.answers)?,
            items: all(reply.items)?,
            more: reply.more,
            upgrade_required: reply
                .upgrade_required
                .map(|proto::Upgrade { min_protocol, min_app_version }| Upgrade { min_protocol, min_app_version }),
            scope: match reply.scope {
                1 => Some(ScopeAnswer::Same),
                2 => Some(ScopeAnswer::Differs),
                _ => None,
            },
            standing: match reply.standing {
                0 => Standing::Active,
                2 => Standing::Wipe,
                _ => Standing::PushOnly,
            },
            retry_after_ms: reply.retry_after_ms,
            server_keys: each("server_keys", &reply.server_keys, 32, ServerKey::from_bytes)?,
            feed_reset: reply.feed_reset,
            protocol: reply.protocol,
            certificate: reply.certificate,
            refused_couriered: reply.refused_couriered.into_iter().map(Into::into).collect(),
            receipts: Receipts { statements: reply.receipts, signature: reply.receipts_signature },
        })
    }
}

impl From<BatchRefusal> for proto::BatchRefusal {
    fn from(BatchRefusal { position, code, detail }: BatchRefusal) -> Self {
        Self { position, code, detail }
    }
}

impl From<proto::BatchRefusal> for BatchRefusal {
    fn from(proto::BatchRefusal { position, code, detail }: proto::BatchRefusal) -> Self {
        Self { position, code, detail }
    }
}

impl From<Ack> for proto::Ack {
    fn from(Ack { device, session_nonce, dev_seq, admitted, received, position }: Ack) -> Self {
        let device = device.map(|device| device.as_bytes().to_vec()).unwrap_or_default();
        let link = position.map(|position| position.link.0.to_vec()).unwrap_or_default();
        let version = position.map_or(0, |position| position.version);
        Self { session_nonce: session_nonce.0.to_vec(), dev_seq, admitted, received: received.0, device, version, link }
    }
}

impl TryFrom<proto::Ack> for Ack {
    type Error = WireError;

    fn try_from(ack: proto::Ack) -> Result<Self, WireError> {
        let link = optional("ack.link", &ack.link, Sha256Hash::from_slice)?;
        Ok(Self {
            device: optional("ack.device", &ack.device, DeviceId::from_slice)?,
            session_nonce: nonce(&ack.session_nonce)?,
            dev_seq: ack.dev_seq,
            admitted: ack.admitted,
            received: ServerTime(ack.received),
            position: link.map(|link| ChainPosition { version: ack.version, link }),
        })
    }
}

impl From<Reject> for proto::Reject {
    fn from(Reject { ticket, change, fact, code, rule, detail, outcome }: Reject) -> Self {
        let (outcome, quarantine) = match outcome {
            RejectOutcome::Quarantined { quarantine } => (0, quarantine),
            RejectOutcome::MakeAgain => (1, Vec::new()),
        };
        Self {
            ticket: ticket.as_bytes().to_vec(),
            change: change.0.to_vec(),
            fact: fact.as_bytes().to_vec(),
            code,
            rule,
            detail,
            outcome,
            quarantine,
        }
    }
}

impl TryFrom<proto::Reject> for Reject {
    type Error = WireError;

    fn try_from(reject: proto::Reject) -> Result<Self, WireError> {
        Ok(Self {
            ticket: field("reject.ticket", &reject.ticket, TicketId::from_slice)?,
            change: field("reject.change", &reject.change, Sha256Hash::from_slice)?,
            fact: field("reject.fact", &reject.fact, FactId::from_slice)?,
            code: reject.code,
            rule: reject.rule,
            detail: reject.detail,
            outcome: match reject.outcome {
                1 => RejectOutcome::MakeAgain,
                // An outcome of a later version leaves the work where a person sees it.
                _ => RejectOutcome::Quarantined { quarantine: reject.quarantine },
            },
        })
    }
}

impl From<Deferred> for proto::Deferred {
    fn from(Deferred { session_nonce, dev_seq, expected }: Deferred) -> Self {
        Self { session_nonce: session_nonce.0.to_vec(), dev_seq, expected }
    }
}

impl TryFrom<proto::Deferred> for Deferred {
    type Error = WireError;

    fn try_from(deferred: proto::Deferred) -> Result<Self, WireError> {
        let session_nonce = nonce(&deferred.session_nonce)?;
        Ok(Self { session_nonce, dev_seq: deferred.dev_seq, expected: deferred.expected })
    }
}

impl From<IntentAnswer> for proto::IntentAnswer {
    fn from(IntentAnswer { id, outcome, code, detail, ticket, payload }: IntentAnswer) -> Self {
        let outcome = match outcome {
            IntentOutcome::Granted => 0,
            IntentOutcome::Refused => 1,
            IntentOutcome::UnderWay => 2,
        };
        let ticket = ticket.map(|ticket| ticket.as_bytes().to_vec()).unwrap_or_default();
        Self { id: id.as_bytes().to_vec(), outcome, code, detail, ticket, payload }
    }
}

impl TryFrom<proto::IntentAnswer> for IntentAnswer {
    type Error = WireError;

    fn try_from(answer: proto::IntentAnswer) -> Result<Self, WireError> {
        Ok(Self {
            id: field("answer.id", &answer.id, IntentId::from_slice)?,
            outcome: match answer.outcome {
                0 => IntentOutcome::Granted,
                1 => IntentOutcome::Refused,
                _ => IntentOutcome::UnderWay,
            },
            code: answer.code,
            detail: answer.detail,
            ticket: optional("answer.ticket", &answer.ticket, TicketId::from_slice)?,
            payload: answer.payload,
        })
    }
}

impl From<Item> for proto::Item {
    fn from(item: Item) -> Self {
        let body = match item {
            Item::Enter(enter) => Some(proto::Body::Enter(enter.into())),
            Item::Delta(delta) => Some(proto::Body::Delta(delta.into())),
            Item::Leave { ticket, reason } => Some(proto::Body::Leave(proto::Leave {
                ticket: ticket.as_bytes().to_vec(),
                reason: reason.as_str().to_owned(),
            })),
            Item::Reference(reference) => Some(proto::Body::Reference(reference.into())),
            Item::BlobStored { sha256 } => {
                Some(proto::Body::BlobStored(proto::BlobStored { sha256: sha256.0.to_vec() }))
            }
            Item::Notice(notice) => Some(proto::Body::Notice(notice.into())),
            Item::PoolCard(PoolCard { ticket, gone, card }) => {
                Some(proto::Body::PoolCard(proto::PoolCard { ticket: ticket.as_bytes().to_vec(), gone, card }))
            }
            Item::Unknown => None,
        };
        Self { body }
    }
}

impl TryFrom<proto::Item> for Item {
    type Error = WireError;

    fn try_from(item: proto::Item) -> Result<Self, WireError> {
        Ok(match item.body {
            None => Self::Unknown,
            Some(proto::Body::Enter(enter)) => Self::Enter(enter.try_into()?),
            Some(proto::Body::Delta(delta)) => Self::Delta(delta.try_into()?),
            Some(proto::Body::Leave(leave)) => Self::Leave {
                ticket: field("leave.ticket", &leave.ticket, TicketId::from_slice)?,
                reason: LeaveReason::of(&leave.reason),
            },
            Some(proto::Body::Reference(reference)) => Self::Reference(reference.into()),
            Some(proto::Body::BlobStored(stored)) => {
                Self::BlobStored { sha256: field("blob_stored", &stored.sha256, Sha256Hash::from_slice)? }
            }
            Some(proto::Body::Notice(notice)) => Self::Notice(notice.try_into()?),
            Some(proto::Body::PoolCard(proto::PoolCard { ticket, gone, card })) => Self::PoolCard(PoolCard {
                ticket: field("pool_card.ticket", &ticket, TicketId::from_slice)?,
                gone,
                card,
            }),
        })
    }
}

impl From<Enter> for proto::Enter {
    fn from(Enter { ticket, snapshot, heads, document_key, voucher }: Enter) -> Self {
        let heads = heads.iter().flat_map(|head| head.0).collect();
        Self { ticket: ticket.as_bytes().to_vec(), snapshot, heads, document_key: document_key.to_vec(), voucher }
    }
}

impl TryFrom<proto::Enter> for Enter {
    type Error = WireError;

    fn try_from(enter: proto::Enter) -> Result<Self, WireError> {
        Ok(Self {
            ticket: field("enter.ticket", &enter.ticket, TicketId::from_slice)?,
            snapshot: enter.snapshot,
            heads: each("enter.heads", &enter.heads, 32, Sha256Hash::from_slice)?,
            document_key: field("enter.document_key", &enter.document_key, |key| key.try_into())?,
            voucher: enter.voucher,
        })
    }
}

impl From<Delta> for proto::Delta {
    fn from(Delta { ticket, changes, heads, document_key }: Delta) -> Self {
        Self {
            ticket: ticket.as_bytes().to_vec(),
            changes: changes
                .into_iter()
                .map(|SyncedChange { bytes, voucher }| proto::SyncedChange { bytes, voucher })
                .collect(),
            heads: heads.iter().flat_map(|head| head.0).collect(),
            document_key: document_key.map(|key| key.to_vec()).unwrap_or_default(),
        }
    }
}

impl TryFrom<proto::Delta> for Delta {
    type Error = WireError;

    fn try_from(delta: proto::Delta) -> Result<Self, WireError> {
        Ok(Self {
            ticket: field("delta.ticket", &delta.ticket, TicketId::from_slice)?,
            changes: delta
                .changes
                .into_iter()
                .map(|proto::SyncedChange { bytes, voucher }| SyncedChange { bytes, voucher })
                .collect(),
            heads: each("delta.heads", &delta.heads, 32, Sha256Hash::from_slice)?,
            document_key: optional("delta.document_key", &delta.document_key, |key| key.try_into())?,
        })
    }
}

impl From<Reference> for proto::Reference {
    fn from(Reference { set, version, rows, replaces_all, has_more }: Reference) -> Self {
        let row = |ReferenceRow { key, value, removed }| proto::ReferenceRow { key, value, removed };
        Self { set, version, rows: rows.into_iter().map(row).collect(), replaces_all, has_more }
    }
}

impl From<proto::Reference> for Reference {
    fn from(proto::Reference { set, version, rows, replaces_all, has_more }: proto::Reference) -> Self {
        let row = |proto::ReferenceRow { key, value, removed }| ReferenceRow { key, value, removed };
        Self { set, version, rows: rows.into_iter().map(row).collect(), replaces_all, has_more }
    }
}

impl From<Notice> for proto::Notice {
    fn from(Notice { fact, ticket, decision, code, note, quarantine }: Notice) -> Self {
        let decision = match decision {
            NoticeDecision::Waiting => 0,
            NoticeDecision::Accepted => 1,
            NoticeDecision::Rejected => 2,
        };
        let (fact, ticket) = (fact.as_bytes().to_vec(), ticket.as_bytes().to_vec());
        Self { fact, ticket, decision, code, note, quarantine }
    }
}

impl TryFrom<proto::Notice> for Notice {
    type Error = WireError;

    fn try_from(notice: proto::Notice) -> Result<Self, WireError> {
        Ok(Self {
            fact: field("notice.fact", &notice.fact, FactId::from_slice)?,
            ticket: field("notice.ticket", &notice.ticket, TicketId::from_slice)?,
            decision: match notice.decision {
                1 => NoticeDecision::Accepted,
                2 => NoticeDecision::Rejected,
                _ => NoticeDecision::Waiting,
            },
            code: notice.code,
            note: notice.note,
            quarantine: notice.quarantine,
        })
    }
}

impl LeaveReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reassigned => "reassigned",
            Self::Finished => "finished",
            Self::Withdrawn => "withdrawn",
            Self::Other => "",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "reassigned" => Self::Reassigned,
            "finished" => Self::Finished,
            "withdrawn" => Self::Withdrawn,
            _ => Self::Other,
        }
    }
}

fn all<A, B: TryFrom<A, Error = WireError>>(entries: Vec<A>) -> Result<Vec<B>, WireError> {
    entries.into_iter().map(B::try_from).collect()
}

fn nonce(bytes: &[u8]) -> Result<Nonce, WireError> {
    field("session_nonce", bytes, |bytes| bytes.try_into().map(Nonce))
}
