//! What a fact says: the one table of kinds, their spelling and their fields.
//!
//! Automerge, the outbox and the content hash all use this table. A kind this version does not know, and a field a
//! newer version added to a known kind, are kept as they came.

use crate::document::field::{Field, FieldError, bad};
use crate::document::scalar::{Fields, Scalar};
use crate::document::seal::Sealed;
use crate::ids::{FactId, GrantId, PartId, Sha256Hash, UserId};
use crate::time::{DeviceTime, ServerTime};

/// Declares the kinds of facts: spelling, fields, and the mapping between a body and its named fields.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty),* }),+ $(,)?) => {
        /// What a fact says.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum FactBody {
            $($(#[$doc])* $variant { $($(#[$field_doc])* $field: $type),* },)+
            /// Something a newer version says: kept and forwarded, shown as a plain card.
            Unknown {
                /// Its kind, unknown here.
                kind: String,
                /// Its fields as they came.
                fields: Fields,
            },
        }

        /// The kind of a fact, without what it says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $variant,)+
            /// Something a newer version says.
            Unknown,
        }

        impl Kind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)+ Kind::Unknown];

            /// Its spelling; `unknown` for what has none here.
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$variant => $word,)+ Kind::Unknown => "unknown" }
            }
        }

        impl FactBody {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self { $(FactBody::$variant { .. } => Kind::$variant,)+ FactBody::Unknown { .. } => Kind::Unknown }
            }

            /// Its kind as spelt in documents, also of one unknown here.
            pub fn kind_name(&self) -> &str {
                match self { $(FactBody::$variant { .. } => $word,)+ FactBody::Unknown { kind, .. } => kind }
            }

            /// Its fields by name.
            pub fn fields(&self) -> Fields {
                let mut fields = Fields::new();
                match self {
                    $(FactBody::$variant { $($field),* } => { $(Field::put($field, stringify!($field), &mut fields);)* })+
                    FactBody::Unknown { fields: known, .. } => fields.clone_from(known),
                }
                fields
            }

            /// The body of this kind; what it does not use stays in `fields`.
            pub(crate) fn take(kind: &str, fields: &mut Fields) -> Result<Self, FieldError> {
                Ok(match kind {
                    $($word => FactBody::$variant { $($field: Field::take(stringify!($field), fields)?),* },)+
                    _ if kind.is_empty() || kind.len() > 64 => return Err(bad("k", "a kind")),
                    _ => FactBody::Unknown { kind: kind.to_owned(), fields: std::mem::take(fields) },
                })
            }
        }
    };
}

kinds! {
    /// The engineer takes the visit on.
    Accept = "accept" {},
    /// The engineer turns the visit down.
    Decline = "decline" {
        /// A code from the tenant's list; words go into a note.
        reason: String
    },
    /// The engineer sets out.
    Depart = "depart" {},
    /// The engineer is on site.
    CheckIn = "check_in" {},
    /// The engineer leaves the site.
    CheckOut = "check_out" {},
    /// The work begins, or goes on.
    Start = "start" {},
    /// The work is interrupted.
    Pause = "pause" {
        /// A code from the tenant's list.
        reason: String
    },
    /// The work of the visit is reported solved, or as far as it went.
    Done = "done" {
        /// A code: `solved`, `part_done`, …
        outcome: String,
        /// What was done, in words.
        solution: Option<Sealed>
    },
    /// The desk has checked the result.
    Verify = "verify" {},
    /// The desk closes the ticket.
    Close = "close" {},
    /// The desk calls off the visit, or without one the ticket.
    Cancel = "cancel" {
        /// A code from the tenant's list.
        reason: String
    },
    /// The desk opens the ticket again.
    Reopen = "reopen" {
        /// A code from the tenant's list.
        reason: String
    },
    /// The desk gives the visit to an engineer.
    Assign = "assign" {
        /// The grant that says so.
        grant: GrantId,
        /// The engineer.
        user: UserId,
        /// When he is planned to begin; nothing if that is open.
        start: Option<ServerTime>,
        /// When he is planned to be through.
        end: Option<ServerTime>
    },
    /// The desk takes the visit back.
    Unassign = "unassign" {
        /// The grant that ends.
        grant: GrantId
    },
    /// The desk changed one field of the core; what stood there is kept here.
    DeskEdit = "desk_edit" {
        /// The field, as in [`crate::document::core`].
        path: String,
        /// What stood there; nothing if it was empty.
        old: Option<Scalar>,
        /// What stands there now; nothing if it was emptied.
        new: Option<Scalar>
    },
    /// One or both sides of the visit's time window should move.
    Reschedule = "reschedule" {
        /// The earliest start.
        start: Option<Side>,
        /// The latest start.
        end: Option<Side>
    },
    /// Something written down.
    Note = "note" {
        /// The words.
        text: Sealed,
        /// The note it replaces.
        corrects: Option<FactId>
    },
    /// The answer to one step of the checklist.
    Answer = "answer" {
        /// The step.
        step: String,
        /// The answer.
        value: Sealed,
        /// The answer it replaces.
        corrects: Option<FactId>
    },
    /// A part went from the van into the customer's asset.
    PartUsed = "part_used" {
        /// The kind of part.
        part: PartId,
        /// How many.
        quantity: Quantity,
        /// The serial number of this one.
        serial: Option<String>
    },
    /// A part is asked for.
    PartRequest = "part_request" {
        /// The kind of part.
        part: PartId,
        /// How many.
        quantity: Quantity,
        /// Why, or which exactly.
        note: Option<Sealed>
    },
    /// Time worked, entered by hand.
    Labour = "labour" {
        /// From when.
        start: DeviceTime,
        /// Until when.
        end: DeviceTime
    },
    /// A photo, a recording, a document: named by its hash, its bytes follow.
    Blob = "blob" {
        /// The hash of its bytes.
        sha256: Sha256Hash,
        /// How many bytes.
        size: i64,
        /// Its media type.
        mime: String,
        /// What it shows, as a code: `before`, `after`, `meter`, …
        role: String,
        /// The step of the checklist it belongs to.
        step: Option<String>
    },
    /// The customer signed.
    Signature = "signature" {
        /// The hash of what was shown.
        shown_sha256: Sha256Hash,
        /// The entries that were shown, each with the hash of its content.
        covers: Covers,
        /// The hash of the strokes.
        strokes_sha256: Sha256Hash,
        /// The name of who signed.
        signer: Sealed
    },
}

impl FactBody {
    /// The text in it that is sealed, with the name of its field. No kind has two.
    pub fn sealed(&self) -> Option<(&'static str, &Sealed)> {
        match self {
            Self::Done { solution, .. } => solution.as_ref().map(|text| ("solution", text)),
            Self::Note { text, .. } => Some(("text", text)),
            Self::Answer { value, .. } => Some(("value", value)),
            Self::PartRequest { note, .. } => note.as_ref().map(|text| ("note", text)),
            Self::Signature { signer, .. } => Some(("signer", signer)),
            Self::Accept {}
            | Self::Decline { .. }
            | Self::Depart {}
            | Self::CheckIn {}
            | Self::CheckOut {}
            | Self::Start {}
            | Self::Pause { .. }
            | Self::Verify {}
            | Self::Close {}
            | Self::Cancel { .. }
            | Self::Reopen { .. }
            | Self::Assign { .. }
            | Self::Unassign { .. }
            | Self::DeskEdit { .. }
            | Self::Reschedule { .. }
            | Self::PartUsed { .. }
            | Self::Labour { .. }
            | Self::Blob { .. }
            | Self::Unknown { .. } => None,
        }
    }
}

impl Kind {
    /// Only the desk may say this, through the server.
    pub fn is_desk(self) -> bool {
        use Kind::*;
        match self {
            Verify | Close | Cancel | Reopen | Assign | Unassign | DeskEdit => true,
            Accept | Decline | Depart | CheckIn | CheckOut | Start | Pause | Done | Reschedule | Note | Answer
            | PartUsed | PartRequest | Labour | Blob | Signature | Unknown => false,
        }
    }

    /// It makes no sense without a visit.
    pub fn needs_visit(self) -> bool {
        use Kind::*;
        match self {
            Accept | Decline | Depart | CheckIn | CheckOut | Start | Pause | Done | Assign | Unassign | Reschedule => {
                true
            }
            Verify | Close | Cancel | Reopen | DeskEdit | Note | Answer | PartUsed | PartRequest | Labour | Blob
            | Signature | Unknown => false,
        }
    }
}

/// One side of a time window that should move, with the value its author saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// What stood there; nothing if the visit had no window.
    pub seen: Option<ServerTime>,
    /// What should stand there.
    pub to: ServerTime,
}

/// How many of a part, in its own unit: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i64);

/// The entries a signature stands for, sorted by id, each with [`Fact::content_hash`](crate::document::Fact::content_hash).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Covers(Vec<(FactId, Sha256Hash)>);

impl Quantity {
    /// Nothing for less than one or more than a million.
    pub fn new(quantity: i64) -> Option<Self> {
        (1..=1_000_000).contains(&quantity).then_some(Self(quantity))
    }

    /// As a number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl Covers {
    /// Of these entries.
    pub fn new(entries: impl IntoIterator<Item = (FactId, Sha256Hash)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_unstable();
        entries.dedup_by_key(|(id, _)| *id);
        Self(entries)
    }

    /// In the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (FactId, Sha256Hash)> + '_ {
        self.0.iter().copied()
    }
}

/// Two fields: `…_to`, and `…_seen` where something stood.
impl Field for Option<Side> {
    fn put(&self, name: &str, fields: &mut Fields) {
        if let Some(side) = self {
            side.seen.put(&format!("{name}_seen"), fields);
            side.to.put(&format!("{name}_to"), fields);
        }
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        let seen = Field::take(&format!("{name}_seen"), fields)?;
        match Field::take(&format!("{name}_to"), fields)? {
            Some(to) => Ok(Some(Side { seen, to })),
            None if seen.is_some() => Err(FieldError::Missing(format!("{name}_to"))),
            None => Ok(None),
        }
    }
}

impl Field for Quantity {
    fn put(&self, name: &str, fields: &mut Fields) {
        self.0.put(name, fields);
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        Quantity::new(i64::take(name, fields)?).ok_or_else(|| bad(name, "between one and a million"))
    }
}

/// 48 bytes an entry: id, then hash.
impl Field for Covers {
    fn put(&self, name: &str, fields: &mut Fields) {
        let bytes: Vec<u8> =
            self.0.iter().flat_map(|(id, hash)| id.as_bytes().iter().chain(&hash.0).copied()).collect();
        fields.insert(name.to_owned(), Scalar::Bytes(bytes));
    }

    fn take(name: &str, fields: &mut Fields) -> Result<Self, FieldError> {
        let expected = "ids and hashes in the order of the ids";
        let Some(Scalar::Bytes(bytes)) = fields.remove(name) else { return Err(bad(name, expected)) };
        let entry = |chunk: &[u8]| {
            let (id, hash) = chunk.split_at_checked(16)?;
            Some((FactId::from_slice(id).ok()?, Sha256Hash::from_slice(hash).ok()?))
        };
        let entries: Vec<_> = bytes.chunks(48).map(entry).collect::<Option<_>>().ok_or_else(|| bad(name, expected))?;
        if entries.is_sorted_by(|(before, _), (after, _)| before < after) {
            Ok(Self(entries))
        } else {
            Err(bad(name, expected))
        }
    }
}
