//! A secret channel over any stream of bytes: frames of bounded length, a handshake of two messages, then messages that
//! nobody between can read, change, leave out, repeat or put into another order.
//!
//! It says nothing of who is at the other end. What is signed over [`Channel::binding`] does.

use std::collections::VecDeque;

use snow::{HandshakeState, TransportState};

use crate::peer::noise;

/// A message may be this large: a batch, the certificate of its author, and what names them.
pub(super) const MAX_MESSAGE_BYTES: usize = crate::wire::MAX_BATCH_BYTES + 4096;

/// What Noise allows in one frame, and what a frame's length can say.
const MAX_FRAME_BYTES: usize = 65_535;
const LENGTH_BYTES: usize = 2;
const TAG_BYTES: usize = 16;
/// So much of a message travels in one frame, after one byte that says whether there is more of it.
const MAX_PIECE_BYTES: usize = MAX_FRAME_BYTES - TAG_BYTES - 1;

const MORE: u8 = 0;
const LAST: u8 = 1;

/// Bytes that nobody at the other end of this channel has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChannel {
    /// Changed, cut, repeated or out of order; or not what such a phone says at all.
    #[error("the bytes are not those that the other phone sent")]
    NotAuthentic,
    #[error("a message that is longer than any may be")]
    TooLong,
}

pub(super) struct Channel {
    state: State,
    /// The frame that is coming in, with its length.
    incoming: Vec<u8>,
    /// The message that is coming in, as far as it has come.
    message: Vec<u8>,
    outgoing: VecDeque<Vec<u8>>,
    binding: Option<[u8; 32]>,
}

enum State {
    Shaking(Box<HandshakeState>),
    Open(Box<TransportState>),
    Broken,
}

impl Channel {
    /// One end. `fresh` is 256 fresh random bits.
    pub fn new(is_initiator: bool, fresh: [u8; 32]) -> Self {
        let mut channel = Self {
            state: State::Broken,
            incoming: Vec::new(),
            message: Vec::new(),
            outgoing: VecDeque::new(),
            binding: None,
        };
        if let Ok(shaking) = noise::handshake(is_initiator, fresh) {
            channel.state = State::Shaking(Box::new(shaking));
            if is_initiator {
                // A failure leaves the channel broken, which the first byte that comes in will say.
                let _ = channel.shake(None);
            }
        }
        channel
    }

    /// The same on both ends and on no other channel, once the handshake is through.
    pub fn binding(&self) -> Option<[u8; 32]> {
        self.binding
    }

    /// The next frame to send.
    pub fn poll_frame(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    /// No frame is waiting to be sent.
    pub fn has_sent_all(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Sends a message; the channel must be open.
    pub fn send(&mut self, message: &[u8]) -> Result<(), BrokenChannel> {
        let State::Open(open) = &mut self.state else { return Err(BrokenChannel::NotAuthentic) };
        let mut pieces = message.chunks(MAX_PIECE_BYTES).peekable();
        loop {
            let piece = pieces.next().unwrap_or_default();
            let is_last = pieces.peek().is_none();
            let text = [&[if is_last { LAST } else { MORE }], piece].concat();
            let mut frame = vec![0; LENGTH_BYTES + text.len() + TAG_BYTES];
            let length = open.write_message(&text, &mut frame[LENGTH_BYTES..]);
            let length = length.map_err(|_| BrokenChannel::TooLong)?;
            self.outgoing.push_back(framed(frame, length)?);
            if is_last {
                return Ok(());
            }
        }
    }

    /// Takes in bytes as they come, up to the end of one frame, and takes them off `bytes`. Gives a message once one is
    /// whole. Never holds more than one frame and one message.
    pub fn receive(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, BrokenChannel> {
        let received = self.receive_frame(bytes);
        if received.is_err() {
            self.state = State::Broken;
            (self.incoming, self.message) = (Vec::new(), Vec::new());
            self.outgoing.clear();
        }
        received
    }

    fn receive_frame(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, BrokenChannel> {
        if matches!(self.state, State::Broken) {
            return Err(BrokenChannel::NotAuthentic);
        }
        self.take(bytes, LENGTH_BYTES);
        let Some(length) = self.incoming.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let whole = LENGTH_BYTES + usize::from(u16::from_be_bytes(*length));
        if matches!(self.state, State::Shaking(_)) && whole > LENGTH_BYTES + MAX_HELLO_BYTES {
            return Err(BrokenChannel::NotAuthentic);
        }
        self.take(bytes, whole);
        if self.incoming.len() < whole {
            return Ok(None);
        }
        let frame = std::mem::take(&mut self.incoming);
        let sealed = &frame[LENGTH_BYTES..];
        let State::Open(open) = &mut self.state else {
            return self.shake(Some(sealed)).map(|()| None);
        };
        let mut text = vec![0; sealed.len()];
        let length = open.read_message(sealed, &mut text).map_err(|_| BrokenChannel::NotAuthentic)?;
        let (is_last, piece) = match text[..length].split_first() {
            Some((&LAST, piece)) => (true, piece),
            Some((&MORE, piece)) if piece.len() == MAX_PIECE_BYTES => (false, piece),
            _ => return Err(BrokenChannel::NotAuthentic),
        };
        if self.message.len() + piece.len() > MAX_MESSAGE_BYTES {
            return Err(BrokenChannel::TooLong);
        }
        self.message.extend_from_slice(piece);
        Ok(is_last.then(|| std::mem::take(&mut self.message)))
    }

    /// Moves bytes over until the frame has so many.
    fn take(&mut self, bytes: &mut &[u8], until: usize) {
        let (taken, rest) = bytes.split_at(until.saturating_sub(self.incoming.len()).min(bytes.len()));
        self.incoming.extend_from_slice(taken);
        *bytes = rest;
    }

    /// Takes the handshake as far as it goes with what has come.
    fn shake(&mut self, heard: Option<&[u8]>) -> Result<(), BrokenChannel> {
        let State::Shaking(shaking) = &mut self.state else { return Err(BrokenChannel::NotAuthentic) };
        let mut room = [0; 2 * MAX_HELLO_BYTES];
        if let Some(heard) = heard {
            match shaking.read_message(heard, &mut room) {
                // Nothing is said before the channel is open.
                Ok(0) => {}
                _ => return Err(BrokenChannel::NotAuthentic),
            }
        }
        if shaking.is_my_turn() && !shaking.is_handshake_finished() {
            let length = shaking.write_message(&[], &mut room[LENGTH_BYTES..]);
            let length = length.map_err(|_| BrokenChannel::NotAuthentic)?;
            self.outgoing.push_back(framed(room.to_vec(), length)?);
        }
        if !shaking.is_handshake_finished() {
            return Ok(());
        }
        self.binding = shaking.get_handshake_hash().try_into().ok();
        let State::Shaking(shaken) = std::mem::replace(&mut self.state, State::Broken) else { return Ok(()) };
        let open = shaken.into_transport_mode().map_err(|_| BrokenChannel::NotAuthentic)?;
        self.state = State::Open(Box::new(open));
        Ok(())
    }
}

/// A message of the handshake: a key, and a tag in the second.
const MAX_HELLO_BYTES: usize = 32 + TAG_BYTES;

/// Writes the length before what stands behind its place, and cuts off the rest.
fn framed(mut frame: Vec<u8>, length: usize) -> Result<Vec<u8>, BrokenChannel> {
    let prefix = u16::try_from(length).map_err(|_| BrokenChannel::TooLong)?.to_be_bytes();
    frame[..LENGTH_BYTES].copy_from_slice(&prefix);
    frame.truncate(LENGTH_BYTES + length);
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, Channel) {
        let (mut ana, mut ben) = (Channel::new(true, [1; 32]), Channel::new(false, [2; 32]));
        assert_eq!(carry(&mut ana, &mut ben).unwrap(), None);
        assert_eq!(carry(&mut ben, &mut ana).unwrap(), None);
        assert!(ana.binding().is_some() && ana.binding() == ben.binding());
        (ana, ben)
    }

    /// Brings everything over; gives the last message.
    fn carry(from: &mut Channel, to: &mut Channel) -> Result<Option<Vec<u8>>, BrokenChannel> {
        let mut message = None;
        while let Some(frame) = from.poll_frame() {
            let mut bytes = frame.as_slice();
            while !bytes.is_empty() {
                message = to.receive(&mut bytes)?.or(message);
            }
        }
        Ok(message)
    }

    #[test]
    fn messages_of_any_length_arrive_however_the_bytes_do() {
        let (mut ana, mut ben) = pair();
        for length in [0, 1, MAX_PIECE_BYTES - 1, MAX_PIECE_BYTES, MAX_PIECE_BYTES + 1, MAX_MESSAGE_BYTES] {
            let message = vec![7; length];
            ana.send(&message).unwrap();
            assert_eq!(carry(&mut ana, &mut ben).unwrap(), Some(message), "{length}");
        }
        ben.send(b"byte by byte").unwrap();
        let frame = ben.poll_frame().unwrap();
        let (last, before) = frame.split_last().unwrap();
        for byte in before {
            assert_eq!(ana.receive(&mut [*byte].as_slice()), Ok(None));
        }
        assert_eq!(ana.receive(&mut [*last].as_slice()).unwrap().as_deref(), Some(&b"byte by byte"[..]));
    }

    #[test]
    fn whatever_is_changed_repeated_left_out_or_out_of_order_breaks_it_for_good() {
        type Harm = fn(Vec<Vec<u8>>) -> Vec<Vec<u8>>;
        let harms: [Harm; 6] = [
            |frames| frames.into_iter().rev().collect(),
            |frames| vec![frames[0].clone(), frames[0].clone()],
            |frames| vec![frames[1].clone()],
            |mut frames| {
                frames[0][5] ^= 1;
                frames
            },
            |mut frames| {
                let length = u16::from_be_bytes([frames[0][0], frames[0][1]]) - 1;
                frames[0][..2].copy_from_slice(&length.to_be_bytes());
                frames
            },
            |_| vec![vec![0, 0]],
        ];
        for (number, harm) in harms.into_iter().enumerate() {
            let (mut ana, mut ben) = pair();
            ana.send(b"one").unwrap();
            ana.send(b"two").unwrap();
            let frames = harm(std::iter::from_fn(|| ana.poll_frame()).collect());
            let bytes = frames.concat();
            let mut rest = bytes.as_slice();
            let broken = loop {
                match ben.receive(&mut rest) {
                    Ok(_) => assert!(!rest.is_empty(), "harm {number} went unseen"),
                    Err(why) => break why,
                }
            };
            assert_eq!(broken, BrokenChannel::NotAuthentic);
            ana.send(b"three").unwrap();
            assert!(carry(&mut ana, &mut ben).is_err(), "a broken channel stays broken");
        }
    }

    #[test]
    fn nobody_sends_a_message_without_end() {
        let (mut ana, mut ben) = pair();
        ana.send(&vec![0; MAX_MESSAGE_BYTES + 1]).unwrap();
        assert_eq!(carry(&mut ana, &mut ben), Err(BrokenChannel::TooLong));
    }

    #[test]
    fn a_stranger_between_them_has_another_channel_with_each() {
        let (mut ana, mut ben) = (Channel::new(true, [1; 32]), Channel::new(false, [2; 32]));
        let (mut as_ben, mut as_ana) = (Channel::new(false, [3; 32]), Channel::new(true, [4; 32]));
        carry(&mut ana, &mut as_ben).unwrap();
        carry(&mut as_ben, &mut ana).unwrap();
        carry(&mut as_ana, &mut ben).unwrap();
        carry(&mut ben, &mut as_ana).unwrap();
        assert_ne!(ana.binding(), ben.binding());
    }

    #[test]
    fn what_is_no_handshake_is_refused_at_once() {
        let hostile = [
            vec![0, 0],
            vec![255, 255, 1],
            [vec![0, 49], vec![0; 49]].concat(),
            // A point of small order: the secret would be everybody's.
            [vec![0, 32], vec![0; 32]].concat(),
            [vec![0, 31], vec![9; 31]].concat(),
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        ];
        for bytes in hostile {
            let mut ben = Channel::new(false, [2; 32]);
            assert_eq!(ben.receive(&mut bytes.as_slice()), Err(BrokenChannel::NotAuthentic), "{bytes:?}");
            assert!(ben.poll_frame().is_none());
        }
    }
}
