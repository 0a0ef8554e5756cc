//! What an episode came to: whether everybody agrees, and figures for those who are curious.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use callout_server::platform::clock::Clock;
use callout_server::state::AppState;
use serde_json::{Value, json};
use sqlx::{PgConnection, Row};
use sync_core::ids::{Sha256Hash, TicketId, UserId};

use super::Settings;
use super::crowd::Tally;
use super::office::Edited;
use super::storm::Weather;
use crate::actor::{Actor, new_key};
use crate::fleet::Fleet;
use crate::inspect;
use crate::ledger_check::{self, Verdict};
use crate::phone::Phone;
use crate::road::{self, Road};
use crate::tenant::TestTenant;

/// The result of an episode.
#[derive(Debug, Default)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Everything in which two who should agree do not, and every error of a server. Empty, or it is a defect.
    pub wrong: Vec<String>,
    /// Figures by name.
    pub figures: BTreeMap<&'static str, Value>,
}

impl Outcome {
    /// Nothing is lost and everybody agrees.
    pub fn is_whole(&self) -> bool {
        self.verdict.lost.is_empty() && self.wrong.is_empty()
    }

    /// All of it on one line.
    pub fn json(&self) -> Value {
        let Verdict { phones, saved, admitted, quarantined, blobs, stored_blobs, lost } = &self.verdict;
        json!({
            "whole": self.is_whole(), "lost": lost.len(), "wrong": self.wrong.len(), "phones": phones, "saved": saved,
            "admitted": admitted, "quarantined": quarantined, "blobs": blobs, "stored_blobs": stored_blobs,
            "figures": self.figures,
        })
    }

    pub(super) fn add_run(
        &mut self,
        settings: &Settings,
        road: &Road,
        tally: Tally,
        weather: Weather,
        edited: &mut Edited,
    ) {
        // No answer, an ended session, a server that says it cannot just now: everything else is an error of a server.
        let expected = [0, 401, 503];
        for (status, count) in tally.failed.iter().filter(|(status, _)| !expected.contains(*status)) {
            self.wrong.push(format!("{count} exchanges were answered {status}"));
        }
        self.wrong.extend(tally.not_ours.into_iter().map(|what| format!("a reply was not the answer: {what}")));
        self.wrong.append(&mut edited.errors);
        let turns: BTreeMap<String, usize> =
            road.turns().into_iter().map(|(turn, count)| (format!("{turn:?}"), count)).collect();
        let failed: BTreeMap<String, usize> =
            tally.failed.into_iter().map(|(status, count)| (status.to_string(), count)).collect();
        self.figures.extend([
            ("seed", json!(settings.seed)),
            ("servers", json!(settings.servers)),
            ("rounds", json!(settings.rounds)),
            ("exchanges", json!(tally.answered)),
            ("exchanges_failed", json!(failed)),
            ("deeds", json!(tally.deeds)),
            ("forged", json!(tally.forged)),
            ("app_restarts", json!(tally.restarts)),
            ("clones", json!(tally.clones)),
            ("connections", json!(turns)),
            ("kills", json!(weather.kills.len())),
            ("ready_again_ms", spread(&weather.kills)),
            ("roll_outs", json!(weather.roll_outs)),
            ("database_torn_down", json!(weather.tear_downs.len())),
            ("database_back_ms", spread(&weather.tear_downs)),
            ("office_notes", json!(edited.written.len())),
            ("office_edits", json!(edited.done)),
        ]);
    }

    /// What the office was told is written is written once; what it never heard of, at most once; and nothing else.
    pub(super) async fn check_office(&mut self, database: &mut PgConnection, edited: &Edited) {
        let rows = sqlx::query("select body->>'text' as text from fact where kind = 'note' and user_id = $1")
            .bind(edited.writer.0)
            .fetch_all(database)
            .await
            .expect("the office's notes");
        let mut written: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows {
            *written.entry(row.get("text")).or_default() += 1;
        }
        for text in &edited.written {
            if written.get(text) != Some(&1) {
                self.wrong.push(format!("{text:?}: the office was told once, and it is there {:?}", written.get(text)));
            }
        }
        let known: BTreeSet<&String> = edited.written.iter().chain(&edited.unknown).collect();
        for (text, count) in written.iter().filter(|(text, count)| **count > 1 || !known.contains(text)) {
            self.wrong.push(format!("{text:?} is there {count} times"));
        }
    }

    /// An error that a server answered with, or a panic, whoever it was that met it.
    pub(super) fn note_log(&mut self, log: &str) {
        let is_wrong = |line: &&str| line.contains("request failed") || line.contains("panicked");
        self.wrong.extend(log.lines().filter(is_wrong).take(20).map(str::to_owned));
    }
}

fn spread(times: &[Duration]) -> Value {
    let mut times: Vec<u128> = times.iter().map(Duration::as_millis).collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2);
    json!({ "median": middle.map(ToString::to_string), "worst": times.last().map(ToString::to_string) })
}

/// What somebody sees of a ticket: the heads of its document, its status, how many facts it has.
type Seen = BTreeMap<TicketId, (Vec<Sha256Hash>, String, usize)>;

/// Asks the ledgers, the phones, fresh phones and the tables.
pub(super) async fn gather(
    fleet: &Fleet,
    state: &AppState,
    tenant: &TestTenant,
    engineers: &[Actor],
    mut phones: Vec<Phone>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut database = fleet.cluster.superuser().await;
    let ledgers: Vec<_> = phones.iter().map(Phone::ledger_path).collect();
    let verdict = ledger_check::check(&mut database, Some(&fleet.blobs()), &ledgers).await;
    outcome.verdict = verdict.expect("the ledgers and the database");

    let stored = stored(&mut database).await;
    for engineer in engineers {
        let session = tenant.sign_in_again(engineer).await;
        let device = session.enrol(&new_key()).await;
        let mut fresh = Phone::in_own_directory(session, device, Clock::system(), 1);
        fresh.owner.http = road::client();
        fresh.online().await;
        let expected = in_scope(&mut database, engineer.user, &stored).await;
        let of_hers = phones.iter_mut().filter(|phone| phone.owner.user == engineer.user);
        for (who, phone) in
            std::iter::once(("a fresh phone", &mut fresh)).chain(of_hers.map(|phone| ("a phone", phone)))
        {
            let beyond = outcome.compare(who, phone, &expected);
            outcome.check_held_back(&mut database, who, phone, &beyond).await;
        }
    }

    let before = inspect::projections(&mut database).await;
    inspect::rebuild_projections(&mut database, state, tenant).await;
    let after = inspect::projections(&mut database).await;
    for (table, rows) in &before {
        if rows != &after[table] {
            outcome.wrong.push(format!("{table} differs from what the changes make of it"));
        }
    }
    outcome.figures.insert("tickets", json!(stored.len()));
    outcome.figures.insert("facts", json!(before.get("fact").map_or(0, Vec::len)));
    outcome
}

impl Outcome {
    /// Returns the tickets that are on the phone and none of its owner's any more.
    fn compare(&mut self, who: &str, phone: &mut Phone, expected: &Seen) -> Vec<TicketId> {
        let name = phone.owner.email.clone();
        let status = phone.status();
        if status.unsent > 0 || !status.unreadable.is_empty() {
            self.wrong.push(format!("{who} of {name} does not come to rest: {status:?}"));
        }
        let tickets: Vec<(TicketId, String)> =
            phone.tickets().map(|ticket| (ticket.ticket, ticket.status.as_str().to_owned())).collect();
        let mut seen = Seen::new();
        for (ticket, status) in tickets {
            let (heads, facts) =
                phone.look(ticket, |sight| (sight.ticket.doc.heads(), sight.ticket.doc.facts().count()));
            seen.insert(ticket, (heads, status, facts));
        }
        let tickets: BTreeSet<&TicketId> = seen.keys().chain(expected.keys()).collect();
        let mut beyond = Vec::new();
        for ticket in tickets {
            match (seen.get(ticket), expected.get(ticket)) {
                (theirs, ours) if theirs == ours => {}
                (Some(_), None) => beyond.push(*ticket),
                (theirs, ours) => {
                    self.wrong.push(format!("{who} of {name} sees {ticket} as {theirs:?}, the tables have {ours:?}"));
                }
            }
        }
        beyond
    }

    /// A ticket that is hers no more stays for as long as a draft on it waits for her, and for nothing else: each such
    /// ticket has its draft, and a dispatcher can see what the draft says. The figures name them.
    async fn check_held_back(&mut self, database: &mut PgConnection, who: &str, phone: &Phone, beyond: &[TicketId]) {
        let (name, drafts) = (&phone.owner.email, phone.drafts());
        for ticket in beyond {
            let held_for: Vec<_> = drafts.iter().filter(|draft| draft.ticket == *ticket).collect();
            if held_for.is_empty() {
                self.wrong.push(format!("{who} of {name} keeps {ticket}, which is not hers, and no draft says why"));
            }
            for draft in held_for {
                let seen = sqlx::query_scalar::<_, bool>(
                    "select exists (select from quarantine where ticket_id = $1 and fact_id = $2 and user_id = $3)",
                );
                let seen = seen.bind(ticket.0).bind(draft.fact.id.0).bind(phone.owner.user.0).fetch_one(&mut *database);
                if !seen.await.expect("the quarantine") {
                    let (fact, code) = (draft.fact.id, &draft.code);
                    self.wrong
                        .push(format!("{who} of {name} keeps {ticket} for {fact} ({code}), which nobody else sees"));
                }
                let held = self.figures.entry("tickets_held_for_a_draft").or_insert_with(|| json!([]));
                if let Some(held) = held.as_array_mut() {
                    held.push(json!(format!("{who} of {name}: {ticket} for {} ({})", draft.fact.id, draft.code)));
                }
            }
        }
    }
}

async fn stored(database: &mut PgConnection) -> Seen {
    let rows = sqlx::query(
        "select d.ticket_id, d.heads, t.status, (select count(*) from fact f where f.ticket_id = d.ticket_id) as facts
         from ticket_document d
         join ticket t on t.ticket_id = d.ticket_id",
    );
    let rows = rows.fetch_all(database).await.expect("the tickets");
    let read = |row: &sqlx::postgres::PgRow| {
        let heads: Vec<u8> = row.get("heads");
        let mut heads: Vec<Sha256Hash> =
            heads.chunks(32).map(|head| Sha256Hash::from_slice(head).expect("a digest")).collect();
        heads.sort_unstable();
        let facts = usize::try_from(row.get::<i64, _>("facts")).expect("a count");
        (TicketId(row.get("ticket_id")), (heads, row.get("status"), facts))
    };
    rows.iter().map(read).collect()
}

/// Of these, what this engineer is to have.
async fn in_scope(database: &mut PgConnection, user: UserId, stored: &Seen) -> Seen {
    let channel = callout_server::ledger::feed::engineer_channel(user);
    let rows = sqlx::query("select ticket_id from ticket_scope where channel = $1").bind(channel);
    let rows = rows.fetch_all(database).await.expect("the scope");
    let tickets = rows.iter().map(|row| TicketId(row.get("ticket_id")));
    tickets.filter_map(|ticket| Some((ticket, stored.get(&ticket)?.clone()))).collect()
}
