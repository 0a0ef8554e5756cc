//! The figures, beside what they should be.

use std::time::Duration;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, Table};

use super::baseline::Plain;
use super::load::Load;
use super::peer::{Peer, Peers, Visit};
use super::pull::{Pull, Pulled};

/// Everything that was measured.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub plain: Option<Plain>,
    pub singles: Option<Load>,
    pub batched: Option<Load>,
    pub idle: Option<Load>,
    /// Bytes that the database grew by for so many changes.
    pub stored: Option<(u64, u64)>,
    pub pulled: Vec<Pulled>,
    /// In bytes: now, and at its highest.
    pub memory_before: Option<(u64, u64)>,
    pub memory_touched: Option<(u64, u64)>,
}

struct Rows(Table);

impl Rows {
    /// A figure, what it should be, and whether it is.
    fn goal(&mut self, what: &str, figure: String, goal: &str, is_met: bool) {
        self.row(what, figure, goal, if is_met { "met" } else { "NOT MET" });
    }

    fn row(&mut self, what: &str, figure: String, goal: &str, verdict: &str) {
        let figure = Cell::new(figure).set_alignment(CellAlignment::Right);
        self.0.add_row([Cell::new(what), figure, Cell::new(goal), Cell::new(verdict)]);
    }
}

impl Report {
    /// For people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY).set_header(["", "measured", "goal", ""]);
        let mut rows = Rows(table);
        if let Some(plain) = &self.plain {
            rows.row("plain insert + update, 16 connections", format!("{:.0}/s", plain.per_second), "", "baseline");
            rows.row("  p50, p99", format!("{}, {}", ms(plain.p50), ms(plain.p99)), "", "");
        }
        if let Some(load) = &self.singles {
            rows.goal(
                "pushes of one change",
                format!("{:.0}/s", load.per_second()),
                "≥ 500/s",
                load.per_second() >= 500.0,
            );
            self.beside(&mut rows, load);
        }
        if let Some(load) = &self.batched {
            let rate = load.changes_per_second();
            rows.goal("changes in batches of ten", format!("{rate:.0}/s"), "≥ 2,000/s", rate >= 2000.0);
            self.beside(&mut rows, load);
        }
        if let Some((bytes, changes)) = self.stored {
            rows.row("  the database grows by, for each change", format!("{} B", bytes / changes.max(1)), "", "");
        }
        if let Some(load) = &self.idle {
            rows.goal(
                "requests with nothing new",
                format!("{:.0}/s", load.per_second()),
                "≥ 3,000/s",
                load.per_second() >= 3000.0,
            );
            self.beside(&mut rows, load);
        }
        for pulled in &self.pulled {
            self.pulls(&mut rows, pulled);
        }
        if let (Some((before, _)), Some((touched, highest))) = (self.memory_before, self.memory_touched) {
            let figure = format!("{} MB", touched / 1_000_000);
            rows.goal("server's memory, every ticket touched", figure, "< 200 MB", touched < 200_000_000);
            rows.row(
                "  at its highest; with no tickets",
                format!("{}; {} MB", highest / 1_000_000, before / 1_000_000),
                "",
                "",
            );
        }
        rows.0.to_string()
    }

    fn beside(&self, rows: &mut Rows, load: &Load) {
        rows.row("  p50, p99", format!("{}, {}", ms(load.p50), ms(load.p99)), "", "");
        let each = |used: Duration| format!("{:.2}", used.as_secs_f64() * 1000.0 / load.requests.max(1) as f64);
        let used = [load.used.server, load.used.postgres, load.used.clients].map(each).join(", ");
        rows.row("  bytes of a request and its answer", format!("{} B", load.bytes), "", "");
        rows.row("  processor ms a request: server, PostgreSQL, clients", used, "", "");
        let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let others = load.used.others.as_secs_f64() / (load.took.as_secs_f64() * processors);
        rows.row("  of the machine taken by others", format!("{:.0} %", others * 100.0), "", "");
    }

    fn pulls(&self, rows: &mut Rows, pulled: &Pulled) {
        let Pull { requests, bytes, took, server, phone } = pulled.first;
        let what =
            format!("first sync, {}: {} tickets, {} entries", pulled.history.name(), pulled.tickets, pulled.entries);
        rows.goal(&what, format!("{requests} requests"), "≤ 2", requests <= 2);
        rows.row("  taken in by the phone after", ms(took), "", "");
        rows.row("  processor time of server and phone", format!("{}, {}", ms(server), ms(phone)), "", "");
        match &pulled.peers {
            Ok(peers) => {
                let peer = peers.same_documents.first.bytes;
                let figure = format!("{} kB, 1/{:.1}", bytes / 1000, peer as f64 / bytes as f64);
                rows.goal("  of what automerge-repo sends", figure, "≤ 1/4", bytes as u64 <= peer / 4);
                beside_peers(rows, peers, |peer| peer.first);
            }
            Err(why) => {
                rows.row("  bytes", format!("{} kB", bytes / 1000), "", "");
                rows.row("  the peers", "not measured".into(), "", why.lines().next().unwrap_or_default());
            }
        }
        let Pull { requests, bytes, .. } = pulled.nothing_new;
        rows.goal("nothing new", format!("{bytes} B, {requests} request"), "≤ 400 B", bytes <= 400);
        if let Ok(peers) = &pulled.peers {
            beside_peers(rows, peers, |peer| peer.nothing_new);
        }
        let Pull { requests, bytes, .. } = pulled.ten_changed;
        rows.row("10 changed tickets", format!("{bytes} B, {requests} request"), "", "");
        if let Ok(peers) = &pulled.peers {
            beside_peers(rows, peers, |peer| peer.ten_changed);
        }
    }
}

fn beside_peers(rows: &mut Rows, peers: &Peers, which: impl Fn(&Peer) -> Visit) {
    let Peers { same_documents, plain, pouchdb } = peers;
    for (name, peer) in [
        ("  automerge-repo, the same documents", same_documents),
        ("  automerge-repo, plain text", plain),
        ("  PouchDB, plain text", pouchdb),
    ] {
        let Visit { bytes, messages, server_seconds, client_seconds } = which(peer);
        rows.row(name, format!("{:.1} kB in {messages} messages", bytes as f64 / 1000.0), "", "peer");
        let both = [server_seconds, client_seconds].map(|seconds| ms(Duration::from_secs_f64(seconds.max(0.0))));
        rows.row("    processor time of both ends", both.join(", "), "", "");
    }
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
