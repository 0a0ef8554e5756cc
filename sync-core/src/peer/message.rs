//! What two phones say to each other, in this order, once nobody else can hear it.

use prost::Message as _;

use crate::ids::Sha256Hash;
use crate::replica::Tag;
use crate::wire::{WireError, decode, field};

/// Tickets that one phone may show, and batches that it may offer, in one session. More are for the next one.
pub(super) const MAX_TAGS: usize = 20_000;
pub(super) const MAX_OFFERS: usize = 2_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    /// Who speaks: the certificate, and a signature over this channel by the key in it.
    Hello { certificate: Vec<u8>, proof: Vec<u8> },
    /// Which tickets are held; only somebody who holds one too can tell which.
    Holding { tags: Vec<Tag> },
    /// What could be handed over.
    Offer { batches: Vec<Sha256Hash> },
    /// Which of that is wanted.
    Want { batches: Vec<Sha256Hash> },
    /// One of them, with the certificate of its author.
    Batch { certificate: Vec<u8>, batch: Vec<u8> },
    /// That was all.
    Sent,
    /// What has been taken and is durable.
    Took { taken: u32, refused: Vec<(Sha256Hash, String)> },
}

impl Message {
    pub fn encode(self) -> Vec<u8> {
        let names = |batches: Vec<Sha256Hash>| NamesBody { names: batches.iter().flat_map(|hash| hash.0).collect() };
        let body = match self {
            Self::Hello { certificate, proof } => Body::Hello(HelloBody { certificate, proof }),
            Self::Holding { tags } => Body::Holding(NamesBody { names: tags.concat() }),
            Self::Offer { batches } => Body::Offer(names(batches)),
            Self::Want { batches } => Body::Want(names(batches)),
            Self::Batch { certificate, batch } => Body::Batch(BatchBody { certificate, batch }),
            Self::Sent => Body::Sent(NamesBody::default()),
            Self::Took { taken, refused } => {
                let refused = refused.into_iter().map(|(hash, code)| RefusedBody { batch: hash.0.to_vec(), code });
                Body::Took(TookBody { taken, refused: refused.collect() })
            }
        };
        Envelope { body: Some(body) }.encode_to_vec()
    }

    /// Reads one; nothing in it has been checked yet. `None` if it is of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let Some(body) = decode::<Envelope>("message of a phone", bytes)?.body else { return Ok(None) };
        Ok(Some(match body {
            Body::Hello(HelloBody { certificate, proof }) => Self::Hello { certificate, proof },
            Body::Holding(NamesBody { names }) => Self::Holding { tags: many(&names, MAX_TAGS)? },
            Body::Offer(NamesBody { names }) => Self::Offer { batches: hashes(&names)? },
            Body::Want(NamesBody { names }) => Self::Want { batches: hashes(&names)? },
            Body::Batch(BatchBody { certificate, batch }) => Self::Batch { certificate, batch },
            Body::Sent(_) => Self::Sent,
            Body::Took(TookBody { taken, refused }) => {
                if refused.len() > MAX_OFFERS {
                    return Err(WireError::TooMany { limit: MAX_OFFERS });
                }
                let refused = refused.into_iter().map(|RefusedBody { batch, code }| {
                    let hash = field("batch", &batch, Sha256Hash::from_slice)?;
                    Ok((hash, code.chars().take(MAX_CODE_CHARS).collect()))
                });
                Self::Took { taken, refused: refused.collect::<Result<_, WireError>>()? }
            }
        }))
    }
}

/// The name of a reason is never longer.
const MAX_CODE_CHARS: usize = 40;

fn hashes(bytes: &[u8]) -> Result<Vec<Sha256Hash>, WireError> {
    Ok(many::<32>(bytes, MAX_OFFERS)?.into_iter().map(Sha256Hash).collect())
}

fn many<const N: usize>(bytes: &[u8], most: usize) -> Result<Vec<[u8; N]>, WireError> {
    let (names, rest) = bytes.as_chunks::<N>();
    match rest.is_empty() {
        true if names.len() <= most => Ok(names.to_vec()),
        true => Err(WireError::TooMany { limit: most }),
        false => Err(WireError::Field { field: "names" }),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Envelope {
    #[prost(oneof = "Body", tags = "1, 2, 3, 4, 5, 6, 7")]
    body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Body {
    #[prost(message, tag = "1")]
    Hello(HelloBody),
    #[prost(message, tag = "2")]
    Holding(NamesBody),
    #[prost(message, tag = "3")]
    Offer(NamesBody),
    #[prost(message, tag = "4")]
    Want(NamesBody),
    #[prost(message, tag = "5")]
    Batch(BatchBody),
    #[prost(message, tag = "6")]
    Sent(NamesBody),
    #[prost(message, tag = "7")]
    Took(TookBody),
}

#[derive(Clone, PartialEq, prost::Message)]
struct HelloBody {
    #[prost(bytes = "vec", tag = "1")]
    certificate: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    proof: Vec<u8>,
}

/// Names of one size, one after the other.
#[derive(Clone, PartialEq, prost::Message)]
struct NamesBody {
    #[prost(bytes = "vec", tag = "1")]
    names: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct BatchBody {
    #[prost(bytes = "vec", tag = "1")]
    certificate: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    batch: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TookBody {
    #[prost(uint32, tag = "1")]
    taken: u32,
    #[prost(message, repeated, tag = "2")]
    refused: Vec<RefusedBody>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RefusedBody {
    #[prost(bytes = "vec", tag = "1")]
    batch: Vec<u8>,
    #[prost(string, tag = "2")]
    code: String,
}
