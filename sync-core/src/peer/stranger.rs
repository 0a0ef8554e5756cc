//! The other end of a meeting in the hands of somebody who says what he likes: for fuzzing and simulation. What he knows
//! he must bring; no app has a use for it.

use crate::document::DocumentKey;
use crate::ids::{Sha256Hash, TicketId};
use crate::peer::BrokenChannel;
use crate::peer::channel::Channel;
use crate::peer::message::Message;
use crate::peer::session::proved;
use crate::replica::{Side, tag};
use crate::wire::DeviceSigner;

/// An end of a channel without a replica behind it.
pub struct Stranger {
    channel: Channel,
    side: Side,
}

impl Stranger {
    /// The end that knocks, or the one that waits.
    pub fn new(is_initiator: bool, fresh: [u8; 32]) -> Self {
        let side = if is_initiator { Side::Initiator } else { Side::Responder };
        Self { channel: Channel::new(is_initiator, fresh), side }
    }

    /// Takes in what the phone said, as the encoded messages that were in it.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, BrokenChannel> {
        let (mut rest, mut messages) = (bytes, Vec::new());
        while !rest.is_empty() {
            messages.extend(self.channel.receive(&mut rest)?);
        }
        Ok(messages)
    }

    /// The next bytes for the phone.
    pub fn poll_bytes(&mut self) -> Option<Vec<u8>> {
        self.channel.poll_frame()
    }

    /// Says anything at all; an error while the channel is not open.
    pub fn say(&mut self, message: &[u8]) -> Result<(), BrokenChannel> {
        self.channel.send(message)
    }

    /// Shows this certificate, with a proof by this key.
    pub fn say_hello(&mut self, certificate: &[u8], key: &dyn DeviceSigner) -> Result<(), BrokenChannel> {
        let binding = self.channel.binding().ok_or(BrokenChannel::NotAuthentic)?;
        let proof = key.sign(&proved(&binding, self.side, certificate)).map_err(|_| BrokenChannel::NotAuthentic)?;
        let (certificate, proof) = (certificate.to_vec(), proof.0.to_vec());
        self.say(&Message::Hello { certificate, proof }.encode())
    }

    /// Claims to hold these tickets, whose keys he must know; offers these batches; wants those.
    pub fn say_what_he_has(
        &mut self,
        tickets: &[(TicketId, DocumentKey)],
        offered: Vec<Sha256Hash>,
        wanted: Vec<Sha256Hash>,
    ) -> Result<(), BrokenChannel> {
        let binding = self.channel.binding().ok_or(BrokenChannel::NotAuthentic)?;
        let tags = tickets.iter().map(|(ticket, key)| tag(key, *ticket, &binding, self.side)).collect();
        self.say(&Message::Holding { tags }.encode())?;
        self.say(&Message::Offer { batches: offered }.encode())?;
        self.say(&Message::Want { batches: wanted }.encode())
    }

    /// Hands over these bytes for a batch, and those for the certificate of its author.
    pub fn hand_over(&mut self, certificate: &[u8], batch: &[u8]) -> Result<(), BrokenChannel> {
        let (certificate, batch) = (certificate.to_vec(), batch.to_vec());
        self.say(&Message::Batch { certificate, batch }.encode())
    }

    /// Says that this was all.
    pub fn say_that_is_all(&mut self) -> Result<(), BrokenChannel> {
        self.say(&Message::Sent.encode())
    }
}
