//! What came of the day: the figures, the table, the line for machines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, Table};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::comeback::Returned;
use super::company::{Company, Planned};
use super::day::Worked;
use super::intake::Imported;
use super::steps::Steps;
use crate::ledger_check::{self, Verdict};
use crate::phone::{Fate, Phone};
use crate::serve::Server;

/// What each step of the day brought.
#[derive(Debug, Clone)]
pub struct Day {
    pub imported: Imported,
    pub planned: Planned,
    /// Visits with a window agreed with the customer.
    pub agreed: usize,
    pub worked: Worked,
    pub returned: Returned,
}

/// Every figure of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    day: Day,
    /// Tickets that the office edited while they were worked offline, with both sides in them now.
    merged: usize,
    /// Visits whose start was moved on a phone and whose end at the desk, with both as they were moved.
    both_sides: usize,
    /// Reasons for review, each settled by a rule already, and in how many tickets.
    conflicts: BTreeMap<String, usize>,
    quarantined: usize,
    verdict: Verdict,
}

impl Outcome {
    /// Compares the ledgers and reads the tickets.
    pub async fn gather(
        server: &Server,
        company: &Company,
        day: Day,
        phones: &[Phone],
        steps: &Steps,
    ) -> anyhow::Result<Self> {
        let step = steps.begin("comparing every phone's ledger with the server", 0);
        let ledgers: Vec<_> = phones.iter().map(Phone::ledger_path).collect();
        let mut database = server.look_into_database().await?;
        let verdict = ledger_check::check(&mut database, Some(&server.blobs()), &ledgers).await?;
        step.done(&format!("{} entries, {} lost", verdict.saved, verdict.lost.len()));

        let worked = &day.worked;
        let step = steps.begin("reading the tickets", worked.jobs.len());
        let tickets: BTreeSet<_> = worked.jobs.iter().map(|job| job.ticket).collect();
        let (mut merged, mut both_sides, mut conflicts) = (0, 0, BTreeMap::new());
        let read =
            |ticket| async move { (ticket, company.desk.get(&format!("/tickets/{ticket}")).await.expect(200).json()) };
        let mut views = futures_util::stream::iter(tickets).map(read).buffer_unordered(4);
        while let Some((ticket, view)) = views.next().await {
            merged += usize::from(worked.edited.tickets.contains(&ticket) && has_both_sides(&view));
            both_sides += usize::from(has_window_of_both(&view));
            for flag in flags(&view) {
                *conflicts.entry(flag).or_default() += 1;
            }
            step.advance();
        }
        let quarantined = company.all("/quarantine").await.len();
        step.done(&format!("{merged} merged, {quarantined} entries in quarantine"));
        Ok(Self { day, merged, both_sides, conflicts, quarantined, verdict })
    }

    pub fn is_whole(&self) -> bool {
        self.verdict.lost.is_empty()
    }

    /// For people.
    pub fn table(&self, took: Duration) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        let Day { imported, planned, agreed, worked, returned } = &self.day;
        let edited = &worked.edited;
        let mut row = |name: &str, figure: String, more: String| {
            table.add_row([Cell::new(name), Cell::new(figure).set_alignment(CellAlignment::Right), Cell::new(more)]);
        };
        row(
            "imported",
            thousands(imported.created),
            format!("of {} rows, {} wrong", thousands(imported.rows), imported.wrong_rows),
        );
        row("located", thousands(imported.created - imported.needs_location), String::new());
        row("need a location", thousands(imported.needs_location), "wait in their queue".into());
        let travel = planned.mean_travel_min.map(|minutes| format!("mean drive {minutes:.0} min")).unwrap_or_default();
        let by_itself = planned.assigned.saturating_sub(planned.by_plan);
        row(
            "assigned",
            thousands(planned.assigned),
            format!("{travel}; {by_itself} of them by the server as they came in"),
        );
        for (at, (reason, count)) in planned.left.iter().enumerate() {
            row(if at == 0 { "left for later" } else { "" }, thousands(*count), left_because(reason));
        }
        let entries = format!("{} entries, {} photos", thousands(worked.facts), thousands(worked.photos));
        row("worked offline", thousands(worked.jobs.len()), entries);
        row(
            "edited meanwhile",
            thousands(edited.tickets.len()),
            format!(
                "{} priorities, {} windows, {} notes, {} cancelled, {} given to others",
                edited.priorities, edited.windows, edited.notes, edited.cancelled, edited.reassigned
            ),
        );
        let of = |fate| returned.fates.get(&fate).copied().unwrap_or(0);
        let hardship = format!("{} lost replies, {} duplicates on the way", of(Fate::ReplyLost), of(Fate::Doubled));
        row("merged", thousands(self.merged), hardship);
        let windows = format!("start moved on the phone, end at the desk: both stay ({agreed} windows were agreed)");
        row("moved by two", thousands(self.both_sides), windows);
        for (at, (kind, count)) in self.conflicts.iter().enumerate() {
            row(if at == 0 { "settled by rule" } else { "" }, thousands(*count), settled(kind));
        }
        row(
            "quarantined",
            thousands(self.quarantined),
            "of a phone that was revoked meanwhile: kept whole, for a dispatcher".into(),
        );
        if self.verdict.stored_blobs < self.verdict.blobs {
            let waiting = self.verdict.blobs - self.verdict.stored_blobs;
            row(
                "photos, signatures",
                thousands(self.verdict.blobs),
                format!("named in tickets; the bytes of {waiting} are still on phones"),
            );
        } else {
            row("photos, signatures", thousands(self.verdict.blobs), "stored, every digest checked".into());
        }
        let lost = self.verdict.lost.len();
        let of_all =
            format!("of {} entries in {} phones' own ledgers", thousands(self.verdict.saved), self.verdict.phones);
        row("lost", thousands(lost), of_all);
        let mut text = format!("{table}\n  in {:.0} s", took.as_secs_f64());
        for loss in self.verdict.lost.iter().take(20) {
            text.push_str(&format!("\n  LOST {}: {} ({})", loss.what, loss.why, loss.ledger));
        }
        text
    }

    /// For machines: one line.
    pub fn json(&self) -> Value {
        let Day { imported, planned, worked, .. } = &self.day;
        json!({
            "imported": imported.created,
            "located": imported.created - imported.needs_location,
            "needs_location": imported.needs_location,
            "assigned": planned.assigned,
            "mean_travel_min": planned.mean_travel_min,
            "left_for_later": planned.left.values().sum::<i64>(),
            "worked_offline": worked.jobs.len(),
            "entries": self.verdict.saved,
            "edited_meanwhile": worked.edited.tickets.len(),
            "merged": self.merged,
            "moved_by_two": self.both_sides,
            "settled_by_rule": self.conflicts,
            "quarantined": self.quarantined,
            "blobs": self.verdict.blobs,
            "stored_blobs": self.verdict.stored_blobs,
            "lost": self.verdict.lost.len(),
        })
    }
}

/// Something said on a phone and something said at the desk are both in it.
fn has_both_sides(ticket: &Value) -> bool {
    let said = || ticket["timeline"].as_array().into_iter().flatten();
    let is_desk = |kind: &str| matches!(kind, "desk_edit" | "cancel" | "unassign" | "note");
    said().any(|fact| !fact["device_id"].is_null())
        && said().any(|fact| fact["device_id"].is_null() && fact["kind"].as_str().is_some_and(is_desk))
}

/// The engineer moved the start, the desk the end, and neither was kept aside.
fn has_window_of_both(ticket: &Value) -> bool {
    let said = || ticket["timeline"].as_array().into_iter().flatten();
    let is_end = |fact: &Value| fact["body"]["path"].as_str().is_some_and(|path| path.ends_with("/end"));
    let is_kept = |fact: &Value| fact["flags"].as_array().into_iter().flatten().any(|flag| flag == "window_kept");
    let moved = |fact: &&Value| fact["kind"] == "reschedule" && !is_kept(fact);
    // The first edit of the end is the agreement itself.
    said().any(|fact| moved(&fact)) && said().filter(|fact| fact["kind"] == "desk_edit" && is_end(fact)).count() > 1
}

fn flags(ticket: &Value) -> BTreeSet<String> {
    let reviews = ticket["reviews"].as_array().into_iter().flatten();
    let flags = reviews.flat_map(|review| review["flags"].as_array()).flatten();
    flags.filter_map(|flag| flag.as_str().map(str::to_owned)).collect()
}

fn settled(kind: &str) -> String {
    match kind {
        "done_though_cancelled" => "done on the phone, cancelled at the desk: done stands".into(),
        "worked_though_cancelled" => "worked on, cancelled at the desk: the work stands".into(),
        "turn_back" => "taken on while it was withdrawn: the engineer turns back".into(),
        "reassigned_on_site" => "on site while it was given to another: she stays until she leaves".into(),
        "done_though_reassigned" => "done while it was given to another: the other need not go".into(),
        "grant_ended" => "said under an assignment that had ended meanwhile: it counts".into(),
        "window_kept" => "a wish to move the visit that did not fit: kept".into(),
        "edited_twice" => "one field, two editors: the last stands, the other is kept".into(),
        "signature_outdated" => "changed after the customer signed: the signature stands for what it covers".into(),
        "late_entry" | "work_unseen" => "came after the ticket was closed: kept as late".into(),
        other => other.replace('_', " "),
    }
}

fn left_because(reason: &str) -> String {
    match reason {
        "skill" => "nobody has the skill at that level".into(),
        "window" => "does not fit into its time window".into(),
        "shift" => "no room left in the shifts of those who could".into(),
        "double_booking" => "everybody who could is taken".into(),
        "not_located" => "nobody knows where it is".into(),
        "no_engineer" => "no engineer in reach".into(),
        other => other.replace('_', " "),
    }
}

fn thousands(figure: impl TryInto<i64>) -> String {
    let digits = figure.try_into().unwrap_or(i64::MAX).to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
