//! A meeting with a colleague's phone, over whatever carries bytes between the two: Bluetooth, Wi-Fi Direct, a series of QR
//! codes. No server is asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sync_core::peer::{PeerFault, PeerSession};

use crate::driver::Driver;
use crate::error::FieldError;
use crate::host;
use crate::record::MeetingReport;

/// One end of a meeting. The app sends what `next_bytes` gives until it gives nothing, hands in what it receives by
/// `received`, and goes on in turns until the meeting `is_over`. Dropped before that, what was taken stays taken.
#[derive(uniffi::Object)]
pub struct Meeting {
    driver: Arc<Driver>,
    session: Mutex<PeerSession>,
}

#[uniffi::export]
impl Meeting {
    /// The next bytes to send, at most 64 KiB of them; nothing if the other phone is to speak, or all is said.
    pub fn next_bytes(&self) -> Result<Option<Vec<u8>>, FieldError> {
        let mut session = self.session();
        self.driver.with(|replica| Ok(session.poll_bytes(replica, host::now())?))
    }

    /// Takes in what came from the other phone, in pieces of any length. An error ends the meeting and harms nothing.
    pub fn received(&self, bytes: Vec<u8>) -> Result<(), FieldError> {
        let mut session = self.session();
        self.driver.change(|replica| Ok(session.handle_bytes(replica, &bytes, host::now())?))
    }

    /// Everything has been said and heard, or the meeting has failed.
    pub fn is_over(&self) -> bool {
        self.session().is_over()
    }

    /// What it has come to so far.
    pub fn report(&self) -> MeetingReport {
        MeetingReport::from(self.session().report())
    }
}

impl Meeting {
    /// The phone that begins, or the one that waits.
    pub(crate) fn begin(driver: Arc<Driver>, is_first: bool) -> Result<Self, FieldError> {
        let fresh = host::random_bytes()?;
        let begin = if is_first { PeerSession::initiate } else { PeerSession::respond };
        let session = driver.with(|replica| Ok(begin(replica, fresh, host::now())?))?;
        Ok(Self { driver, session: Mutex::new(session) })
    }

    fn session(&self) -> MutexGuard<'_, PeerSession> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<PeerFault> for FieldError {
    fn from(fault: PeerFault) -> Self {
        let detail = fault.to_string();
        match fault {
            PeerFault::Store(error) => error.into(),
            // Sync, or set the clock: the text says which of the two phones, and why.
            PeerFault::NoCertificate(_) | PeerFault::Certificate(_) => Self::refused("certificate", detail),
            PeerFault::OtherTenant | PeerFault::Oneself | PeerFault::NoProof => Self::refused("stranger", detail),
            PeerFault::Key(_) => Self::Busy { detail },
            PeerFault::Channel(_) | PeerFault::Message(_) | PeerFault::OutOfTurn | PeerFault::TooMuch => {
                Self::Offline { detail }
            }
        }
    }
}
