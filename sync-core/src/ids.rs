//! The identities that cross a boundary, each a type of its own so that a visit can never be passed for a ticket.
//!
//! Nothing here draws randomness: a new id is made from bytes and a time that the caller brings.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind} id")]
pub struct NotAnId {
    /// Which id was expected, for example `ticket`.
    pub kind: &'static str,
    /// What was found, cut to 64 characters.
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A version 7 UUID of this time in milliseconds since 1970 and these random bytes.
            pub fn fresh(unix_ms: i64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms.max(0).unsigned_abs(), &random).into_uuid())
            }

            /// The id in these bytes; an error unless there are exactly sixteen.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, NotAnId> {
                Uuid::from_slice(bytes).map(Self).map_err(|_| NotAnId { kind: $kind, text: format!("{} bytes", bytes.len()) })
            }

            /// The sixteen bytes, as they stand in documents and on the wire.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, ":{}"), self.0.as_hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| NotAnId { kind: $kind, text: text.chars().take(64).collect() })
            }
        }
    };
}

id!(/// One company using the server.
    TenantId, "tenant");
id!(/// A person who can sign in.
    UserId, "user");
id!(/// One enrolled installation of the app, holder of one P-256 key.
    DeviceId, "device");
id!(/// One request and the work done for it; one document.
    TicketId, "ticket");
id!(/// One planned or actual presence of an engineer on a site.
    VisitId, "visit");
id!(/// One assignment: the evidence for who may act on a visit.
    GrantId, "grant");
id!(/// One article or procedure of the knowledge base.
    ArticleId, "article");
id!(/// One entry of a ticket; made with its command, kept through every replay.
    FactId, "fact");
id!(/// A wish without a document, such as taking a ticket from the pool.
    IntentId, "intent");
id!(/// The organisation that asked for the work.
    CustomerId, "customer");
id!(/// Where the work is done.
    SiteId, "site");
id!(/// What the work is done on.
    AssetId, "asset");
id!(/// Whom to ask for on the site.
    ContactId, "contact");
id!(/// A kind of spare part.
    PartId, "part");
id!(/// Changes whenever a server's history may have gone back in time.
    ServerEpoch, "server epoch");

/// 128 random bits drawn at each opening of a store and after each refusal: what makes an actor new.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub [u8; 16]);

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nonce:{}", Uuid::from_bytes(self.0).as_simple())
    }
}

/// A SHA-256 digest: of a change, a batch, a blob.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Hash(pub [u8; 32]);

impl Sha256Hash {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The digest in these bytes; an error unless there are exactly thirty-two.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, NotAnId> {
        bytes.try_into().map(Self).map_err(|_| NotAnId { kind: "SHA-256", text: format!("{} bytes", bytes.len()) })
    }
}

impl fmt::Display for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}
