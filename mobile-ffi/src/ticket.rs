//! A ticket on this phone.

use std::sync::Arc;

use sync_core::command;
use sync_core::document::Core;
use sync_core::replica::Sight;

use crate::driver::Driver;
use crate::error::FieldError;
use crate::host;
use crate::ids::{FactId, TicketId, VisitId};
use crate::record::{ColleaguesView, Customer, Site, TicketView};
use crate::visit::Visit;

/// One ticket, as it is on this phone: what the server has, with what is unsent on top.
#[derive(uniffi::Object)]
pub struct Ticket {
    driver: Arc<Driver>,
    id: sync_core::ids::TicketId,
}

#[uniffi::export]
impl Ticket {
    pub fn id(&self) -> TicketId {
        TicketId(self.id)
    }

    /// Everything to be shown of it.
    pub fn view(&self) -> Result<TicketView, FieldError> {
        self.look(TicketView::of)
    }

    /// What colleagues' phones have handed over of it, if the server does not have it yet. To be shown apart.
    pub fn from_colleagues(&self) -> Result<Option<ColleaguesView>, FieldError> {
        self.driver.with(|replica| ColleaguesView::of(replica, self.id))
    }

    /// Where the work is, with whom to ask for.
    pub fn site(&self) -> Result<Option<Site>, FieldError> {
        let id = self.core(|core| core.site)?;
        self.driver.with(|replica| Ok(id.map(|id| Site::of(replica, id)).transpose()?))
    }

    /// For whom the work is.
    pub fn customer(&self) -> Result<Option<Customer>, FieldError> {
        let id = self.core(|core| core.customer)?;
        self.driver.with(|replica| Ok(id.map(|id| Customer::of(replica, id)).transpose()?))
    }

    /// One of its visits, to be worked.
    pub fn visit(&self, id: VisitId) -> Result<Arc<Visit>, FieldError> {
        let gone = || FieldError::NotFound { detail: format!("visit {} is not in ticket {}", id.0, self.id) };
        let known = self.driver.with(|replica| {
            let found = replica.look(self.id, host::now(), |sight| sight.ticket.state.visits.contains_key(&id.0))?;
            Ok(found.unwrap_or(false))
        })?;
        known.then(|| Arc::new(Visit::new(Arc::clone(&self.driver), self.id, id.0))).ok_or_else(gone)
    }

    /// The server's receipts for the user's work on it, as a file: proof, for anybody, that the server had it. Kept for 30
    /// days.
    pub fn receipts(&self) -> Result<Vec<u8>, FieldError> {
        self.driver.with(|replica| Ok(replica.receipts(self.id)?))
    }

    /// Writes a note on the ticket; `corrects` names the note that it replaces.
    #[uniffi::method(default(corrects = None))]
    pub fn note(&self, text: String, corrects: Option<FactId>) -> Result<FactId, FieldError> {
        let corrects = corrects.map(|fact| fact.0);
        let said = self.driver.act(self.id, None, |acting, stamp| {
            command::note(acting.view, &acting.author, stamp, None, acting.seal("text", &text), corrects)
        });
        said.map(FactId)
    }
}

impl Ticket {
    pub(crate) fn new(driver: Arc<Driver>, id: sync_core::ids::TicketId) -> Self {
        Self { driver, id }
    }

    fn look<T>(&self, look: impl FnOnce(&Sight<'_>) -> T) -> Result<T, FieldError> {
        let gone = || FieldError::NotFound { detail: format!("ticket {} is not on this phone", self.id) };
        self.driver.with(|replica| replica.look(self.id, host::now(), look)?.ok_or_else(gone))
    }

    fn core<T>(&self, read: impl FnOnce(&Core) -> T) -> Result<T, FieldError> {
        self.look(|sight| read(sight.ticket.doc.core()))
    }
}
