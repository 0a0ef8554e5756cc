//! Who used how much processor time: the server, its PostgreSQL, we ourselves, and whatever else ran on the machine, which
//! makes every figure worse. Read from `/proc`; elsewhere unknown.

use std::path::PathBuf;
use std::time::Duration;

use crate::serve::Server;

/// Processor time, user and system together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    pub server: Duration,
    pub postgres: Duration,
    pub clients: Duration,
    pub others: Duration,
}

/// A stopwatch over three groups of processes.
pub struct Processors {
    server: u32,
    postmaster: Option<u32>,
    before: Used,
}

impl Processors {
    pub fn of(server: &Server) -> anyhow::Result<Self> {
        let mut processors = Self { server: server.pid()?, postmaster: server.postmaster(), before: Used::default() };
        processors.before = processors.read();
        Ok(processors)
    }

    /// What was used since.
    pub fn used(&self) -> anyhow::Result<Used> {
        let now = self.read();
        Ok(Used {
            server: now.server.saturating_sub(self.before.server),
            postgres: now.postgres.saturating_sub(self.before.postgres),
            clients: now.clients.saturating_sub(self.before.clients),
            others: now.others.saturating_sub(self.before.others),
        })
    }

    fn read(&self) -> Used {
        let time = |pid: u32| stat(pid).map(|stat| stat.time).unwrap_or_default();
        let postgres = self.postmaster.map(|postmaster| {
            let backends = pids().filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == postmaster));
            time(postmaster) + backends.map(time).sum::<Duration>()
        });
        let (server, postgres, clients) = (time(self.server), postgres.unwrap_or_default(), time(std::process::id()));
        Used { server, postgres, clients, others: all().saturating_sub(server + postgres + clients) }
    }
}

struct Stat {
    parent: u32,
    /// With that of children that have ended.
    time: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    let line = std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, time: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND) })
}

/// What all processors together have done since the machine started.
fn all() -> Duration {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<u64> = stat
        .lines()
        .next()
        .map(|line| line.split_ascii_whitespace().skip(1).filter_map(|ticks| ticks.parse().ok()).collect())
        .unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let busy: u64 =
        ticks.iter().enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).take(6).map(|(_, ticks)| ticks).sum();
    Duration::from_millis(busy * 1000 / TICKS_PER_SECOND)
}

fn pids() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// `USER_HZ`, the same on every Linux.
const TICKS_PER_SECOND: u64 = 100;
