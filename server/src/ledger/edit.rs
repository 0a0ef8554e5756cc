//! What the desk does to a ticket: the same commands as on a phone, through the same checks, written by the server.

use sync_core::command::{self, FieldEdit, Refusal, Stamp, TicketView};
use sync_core::document::seal::{self, SealedAt};
use sync_core::document::{
    Actor, Admission, Core, DocumentError, Effect, Ended, Fact, Flag, Grant, GrantRole, Scalar, ServerEdit,
    TicketState, Verdict, core::path,
};
use sync_core::ids::{FactId, GrantId, TicketId, UserId, VisitId};
use sync_core::policy::{Origin, Role};
use sync_core::time::{DeviceTime, Hlc, ServerTime, TimeWindow};

use super::booking::{self, Booking, Claim};
use super::documents::{self, Appended, OpenTicket};
use super::feed::{self, Beside};
use super::projections::{self, Admitted, Touched};
use super::{Ledger, LedgerError, publish};
use crate::platform::random::Random;
use crate::tenancy::{TenantCtx, TenantTx};

/// The server acting on its own account, where a record needs a person.
pub const SERVER: UserId = UserId(uuid::Uuid::nil());

/// For whom the desk writes.
#[derive(Debug, Clone, Copy)]
pub struct By {
    user: UserId,
    role: Role,
}

impl By {
    /// Whoever is signed in; the server itself where nobody is.
    pub fn caller(ctx: &TenantCtx) -> Self {
        match (ctx.user(), ctx.role()) {
            (Some(user), Some(role)) => Self { user, role },
            _ => Self::server(),
        }
    }

    /// Somebody at the desk, or [`SERVER`], whose order is carried out now; it was checked when it was given that he may.
    pub fn order_of(user: UserId) -> Self {
        Self { user, role: Role::Dispatcher }
    }

    /// The server itself, whoever asked for it.
    pub fn server() -> Self {
        Self { user: SERVER, role: Role::Dispatcher }
    }

    /// The person, or [`SERVER`].
    pub fn user(self) -> UserId {
        self.user
    }
}

/// A value of a field as the desk writes it: texts are sealed on the way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Plain(Scalar),
}

/// One field that should change: which, what its editor saw there, what should stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub path: String,
    pub seen: Option<Value>,
    pub to: Option<Value>,
}

/// A ticket open for the desk. Each call is one change; all of them are stored together, or none.
pub struct Desk<'a> {
    ledger: &'a Ledger,
    open: &'a mut OpenTicket,
    author: command::Author,
    now: ServerTime,
    hlc: Hlc,
    appended: Vec<Appended>,
    admitted: Vec<Admitted>,
    claims: Vec<Claim>,
}

impl Ledger {
    /// Opens a ticket for the desk, and stores what `edit` did to it. Nothing is stored when it fails.
    pub async fn edit<T, E: From<LedgerError>>(
        &self,
        tx: &mut TenantTx,
        ticket: TicketId,
        by: By,
        now: ServerTime,
        edit: impl FnOnce(&mut Desk<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E>
    where
        T: Send,
    {
        let mut open = self.open(tx, ticket).await?.ok_or(LedgerError::NotFound)?;
        let named = |open: &OpenTicket| (open.doc.core().site, open.doc.core().customer);
        let named_before = named(&open);
        let (made, done) = {
            let author = command::Author { user: by.user, role: by.role, origin: Origin::Desk };
            let (appended, admitted, claims) = Default::default();
            let mut desk =
                Desk { ledger: self, open: &mut open, author, now, hlc: Hlc::default(), appended, admitted, claims };
            let made = edit(&mut desk)?;
            (made, (desk.appended, desk.admitted, desk.claims))
        };
        self.store(tx, &mut open, done, now).await?;
        if named(&open) != named_before {
            feed::publish_beside(tx, Beside::Ticket(ticket)).await.map_err(LedgerError::from)?;
        }
        Ok(made)
    }

    async fn store(
        &self,
        tx: &mut TenantTx,
        open: &mut OpenTicket,
        (appended, admitted, claims): (Vec<Appended>, Vec<Admitted>, Vec<Claim>),
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        if appended.is_empty() {
            return Ok(());
        }
        booking::make(tx, &claims).await?;
        let from_version = open.version + 1;
        documents::append(tx, open, &appended, now).await?;
        let state = open.doc.state(self.workflow());
        projections::project(tx, open, &state, &admitted, Touched::Plan, now).await?;
        publish::publish(tx, open, &state, &admitted, from_version, now).await?;
        self.keep_warm(tx.tenant(), open);
        Ok(())
    }
}

impl Desk<'_> {
    /// What the desk says the ticket is.
    pub fn core(&self) -> &Core {
        self.open.doc.core()
    }

    /// What its facts come to.
    pub fn state(&self) -> TicketState {
        self.open.doc.state(self.ledger.workflow())
    }

    /// The assignments, ended ones too.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.open.doc.grants().values()
    }

    /// Gives a visit to an engineer, and books the slot if there is one.
    pub fn assign(
        &mut self,
        visit: VisitId,
        user: UserId,
        role: GrantRole,
        slot: Option<TimeWindow>,
    ) -> Result<GrantId, LedgerError> {
        if !self.core().visits.contains_key(&visit) {
            return Err(LedgerError::NotFound);
        }
        let id = GrantId::fresh(self.now.0, Random.bytes());
        let fact = self.say(|view, author, stamp| command::assign(view, author, stamp, visit, (id, user), slot))?;
        let grant = Grant { id, visit, user, role, from: self.now, by: self.author.user, ended: None };
        self.write(vec![(fact, None)], |edit| edit.add_grant(grant))?;
        if let Some(slot) = slot {
            self.claims.push(Claim::Book(Booking { grant: id, user, ticket: self.open.ticket, visit, slot }));
        }
        Ok(id)
    }

    /// Takes a visit back. Whoever is on site stays until he leaves.
    pub fn unassign(&mut self, grant: GrantId) -> Result<(), LedgerError> {
        let fact = self.say(|view, author, stamp| command::unassign(view, author, stamp, grant))?;
        let ended = Ended { at: self.now, by: self.author.user };
        self.write(vec![(fact, None)], |edit| edit.end_grant(grant, ended))?;
        self.claims.push(Claim::Release(grant));
        Ok(())
    }

    /// Changes fields of the core, all in one change. Where a field had changed since its editor saw it, the last one
    /// wins, and what stood there is kept and flagged. True if anything changed.
    pub fn set(&mut self, edits: &[Edit]) -> Result<bool, LedgerError> {
        let before = self.core().clone();
        let (mut facts, mut writes) = (Vec::new(), Vec::new());
        for edit in edits {
            let edit = self.field_edit(edit)?;
            let stamp = self.stamp();
            let view = TicketView::new(&self.open.doc, self.ledger.workflow(), self.now);
            let view = facts.iter().fold(view, |view, (fact, _): &(Fact, _)| view.with(fact));
            match command::edit(&view, &self.author, stamp, edit.clone()) {
                Ok(said) => facts.push(said),
                Err(Refusal::NoChange) => continue,
                Err(refusal) => return Err(LedgerError::Refused(refusal)),
            }
            writes.push(edit);
        }
        if facts.is_empty() {
            return Ok(false);
        }
        self.write(facts, |edit| writes.iter().try_for_each(|one| edit.set_core(&one.path, one.to.as_ref())))?;
        for (visit, plan) in &self.open.doc.core().visits {
            let from = before.visits.get(visit).and_then(|plan| plan.window);
            if let (Some(from), Some(to)) = (from, plan.window) {
                self.claims.push(Claim::Shift { visit: *visit, from, to });
            }
        }
        Ok(true)
    }

    /// Moves one or both sides of a visit's window, each with what its editor saw there.
    pub fn reschedule(
        &mut self,
        visit: VisitId,
        start: Option<(Option<ServerTime>, ServerTime)>,
        end: Option<(Option<ServerTime>, ServerTime)>,
    ) -> Result<bool, LedgerError> {
        let plain = |time: ServerTime| Value::Plain(Scalar::Int(time.0));
        let edit = |path: String, (seen, to): (Option<ServerTime>, ServerTime)| Edit {
            path,
            seen: seen.map(plain),
            to: Some(plain(to)),
        };
        let start = start.map(|side| edit(path::visit_start(visit), side));
        let end = end.map(|side| edit(path::visit_end(visit), side));
        self.set(&start.into_iter().chain(end).collect::<Vec<_>>())
    }

    /// Calls off one visit, or without one the ticket. The reason is a code.
    pub fn cancel(&mut self, visit: Option<VisitId>, reason: &str) -> Result<(), LedgerError> {
        let fact = self.say(|view, author, stamp| command::cancel(view, author, stamp, visit, reason.to_owned()))?;
        self.write(vec![(fact, None)], |_| Ok(()))?;
        let called_off: Vec<GrantId> = self
            .grants()
            .filter(|grant| grant.ended.is_none() && visit.is_none_or(|visit| visit == grant.visit))
            .map(|grant| grant.id)
            .collect();
        self.claims.extend(called_off.into_iter().map(Claim::Release));
        Ok(())
    }

    /// The result has been checked.
    pub fn verify(&mut self) -> Result<(), LedgerError> {
        let fact = self.say(command::verify)?;
        self.write(vec![(fact, None)], |_| Ok(()))
    }

    /// Nothing is left to do.
    pub fn close(&mut self) -> Result<(), LedgerError> {
        let fact = self.say(command::close)?;
        self.write(vec![(fact, None)], |_| Ok(()))
    }

    /// Opens one visit, or without one the ticket, again. The reason is a code.
    pub fn reopen(&mut self, visit: Option<VisitId>, reason: &str) -> Result<(), LedgerError> {
        let fact = self.say(|view, author, stamp| command::reopen(view, author, stamp, visit, reason.to_owned()))?;
        self.write(vec![(fact, None)], |_| Ok(()))
    }

    /// Writes something down.
    pub fn note(&mut self, text: &str) -> Result<FactId, LedgerError> {
        let stamp = self.stamp();
        let at = SealedAt { ticket: self.open.ticket, fact: Some(stamp.id), field: "text" };
        let text = seal::seal(&self.open.key, at, text.as_bytes());
        let view = TicketView::new(&self.open.doc, self.ledger.workflow(), self.now);
        let fact = command::note(&view, &self.author, stamp, None, text, None).map_err(LedgerError::Refused)?;
        let id = fact.id;
        self.write(vec![(fact, None)], |_| Ok(()))?;
        Ok(id)
    }

    fn stamp(&mut self) -> Stamp {
        self.hlc = self.hlc.tick(self.now);
        Stamp {
            id: FactId::fresh(self.now.0, Random.bytes()),
            wall: DeviceTime(self.now.0),
            hlc: self.hlc,
            place: None,
        }
    }

    fn say(
        &mut self,
        command: impl FnOnce(&TicketView<'_>, &command::Author, Stamp) -> Result<Fact, Refusal>,
    ) -> Result<Fact, LedgerError> {
        let stamp = self.stamp();
        let view = TicketView::new(&self.open.doc, self.ledger.workflow(), self.now);
        command(&view, &self.author, stamp).map_err(LedgerError::Refused)
    }

    /// One change of the server: these facts, what goes with them, and how they were admitted.
    fn write(
        &mut self,
        facts: Vec<(Fact, Option<Flag>)>,
        with: impl FnOnce(&mut ServerEdit<'_>) -> Result<(), DocumentError>,
    ) -> Result<(), LedgerError> {
        let said: Vec<Fact> = facts.iter().map(|(fact, _)| fact.clone()).collect();
        let state = self.open.doc.state_with(self.ledger.workflow(), &said);
        let mut admitted = Vec::with_capacity(facts.len());
        for (fact, flag) in facts {
            self.open.admitted += 1;
            let flags = state.flags_of(fact.id).into_iter().chain(flag).collect();
            let verdict = if flag.is_some() { Verdict::Flagged } else { Verdict::Allowed };
            let effect = Effect { status: state.status, flags, window: None };
            let admission = Admission { n: self.open.admitted, verdict, effect, received: self.now };
            admitted.push(Admitted { fact, admission, user: Some(self.author.user), device: None });
        }
        let actor = Actor::of_server(self.open.ticket, self.ledger.epoch());
        let change = self.open.doc.server_edit(actor, |edit| {
            admitted.iter().try_for_each(|one| edit.add_fact(&one.fact))?;
            with(edit)?;
            admitted.iter().try_for_each(|one| edit.admit(one.fact.id, &one.admission))
        });
        let change = change.map_err(|error| match error {
            DocumentError::Field(field) => LedgerError::BadEdit(field.to_string()),
            other => other.into(),
        })?;
        self.appended.push(Appended::by_server(&self.open.doc, change, Some(self.author.user))?);
        self.admitted.extend(admitted);
        Ok(())
    }

    /// The edit as the document takes it. A sealed text is the same as the one seen if it opens to the same words.
    fn field_edit(&self, edit: &Edit) -> Result<FieldEdit, LedgerError> {
        let stands = self.open.doc.core_fields().get(&edit.path).cloned();
        let at = SealedAt { ticket: self.open.ticket, fact: None, field: &edit.path };
        let seen = match &edit.seen {
            None => None,
            Some(Value::Plain(value)) => Some(value.clone()),
            Some(Value::Text(text)) => {
                let opened = self.text(at, stands.as_ref());
                Some(if opened.as_deref() == Some(text) {
                    stands.unwrap_or(Scalar::Bool(false))
                } else {
                    Scalar::Bool(false)
                })
            }
        };
        let to = edit.to.as_ref().map(|to| match to {
            Value::Plain(value) => value.clone(),
            Value::Text(text) => Scalar::Bytes(seal::seal(&self.open.key, at, text.as_bytes()).as_bytes().to_vec()),
        });
        Ok(FieldEdit { path: edit.path.clone(), seen, to })
    }

    fn text(&self, at: SealedAt<'_>, stands: Option<&Scalar>) -> Option<String> {
        let Some(Scalar::Bytes(bytes)) = stands else { return None };
        let sealed = sync_core::document::Sealed::from_bytes(bytes.clone())?;
        seal::open(&self.open.key, at, &sealed).ok().and_then(|text| String::from_utf8(text).ok())
    }
}
