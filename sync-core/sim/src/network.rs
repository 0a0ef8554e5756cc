//! What the network does to one exchange.

use crate::chance::Chance;
use crate::server::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Good,
    RequestLost,
    ReplyLost,
    /// The request arrives twice, and the first answer is the one that comes back.
    RequestTwice,
    /// The login page of a hotel answers.
    Portal,
    /// The request is cut on the way.
    RequestCut,
    /// The answer is.
    ReplyCut,
    /// Some bits of the answer are other than they were.
    ReplyFlipped,
}

impl Link {
    /// A road as bad as they come.
    pub fn any(chance: &mut Chance) -> Self {
        match chance.below(16) {
            0 | 1 => Self::RequestLost,
            2..4 => Self::ReplyLost,
            4 | 5 => Self::RequestTwice,
            6 => Self::Portal,
            7 => Self::RequestCut,
            8 => Self::ReplyCut,
            9 => Self::ReplyFlipped,
            _ => Self::Good,
        }
    }

    /// Brings the request to the server and what comes back, if anything does.
    pub fn carry(self, server: &mut Server, request: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
        match self {
            Self::RequestLost => None,
            Self::RequestCut => {
                server.try_sync(&request[..chance.below(request.len())]);
                None
            }
            Self::ReplyLost => {
                server.sync(request);
                None
            }
            Self::Good => Some(server.sync(request)),
            Self::RequestTwice => {
                let first = server.sync(request);
                server.sync(request);
                Some(first)
            }
            Self::Portal => Some(b"<html>Room number, please</html>".to_vec()),
            Self::ReplyCut => {
                let reply = server.sync(request);
                Some(reply[..chance.below(reply.len())].to_vec())
            }
            Self::ReplyFlipped => {
                let mut reply = server.sync(request);
                let at = chance.below(reply.len());
                reply[at] ^= 1 << chance.below(8);
                Some(reply)
            }
        }
    }
}
