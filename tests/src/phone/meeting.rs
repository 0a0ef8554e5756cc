//! Two phones that meet where there is no server.

use callout_server::platform::random::Random;
use sync_core::ids::TicketId;
use sync_core::peer::{PeerFault, PeerReport, PeerSession};
use sync_core::replica::{NoCertificate, Overlay};
use sync_core::wire::DeviceCertificate;

use super::Phone;

impl Phone {
    /// Both hand over what the server has not heard of. What this phone says of it, and the other.
    pub fn meet(&mut self, other: &mut Phone) -> Result<(PeerReport, PeerReport), PeerFault> {
        let (now, then) = (self.time.now(), other.time.now());
        let mut one = PeerSession::initiate(&self.replica, Random.bytes(), now)?;
        let mut two = PeerSession::respond(&other.replica, Random.bytes(), then)?;
        while !(one.is_over() && two.is_over()) {
            while let Some(bytes) = one.poll_bytes(&mut self.replica, now)? {
                two.handle_bytes(&mut other.replica, &bytes, then)?;
            }
            while let Some(bytes) = two.poll_bytes(&mut other.replica, then)? {
                one.handle_bytes(&mut self.replica, &bytes, now)?;
            }
        }
        Ok((one.report().clone(), two.report().clone()))
    }

    /// What colleagues have handed over of a ticket.
    pub fn overlay(&mut self, ticket: TicketId) -> Option<Overlay> {
        self.replica.overlay(ticket, self.time.now()).expect("the phone's store")
    }

    /// What this phone shows of itself to others.
    pub fn certificate(&self) -> Result<DeviceCertificate, NoCertificate> {
        self.replica.certificate(self.time.now())
    }
}
