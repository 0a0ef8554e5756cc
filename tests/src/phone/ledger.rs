//! What a phone was promised, written down where neither the app nor the server can change it: one JSON line a step,
//! flushed to the disk before the step counts. The oracle of every run; [`check`](crate::ledger_check) compares it with
//! what the server has.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One step of one fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Entry {
    /// The app told its user "saved".
    Saved {
        ticket: String,
        fact: String,
        kind: String,
        /// Of what the fact says, the same through every replay.
        content: String,
        /// The digests of what it names: a photo, the strokes of a signature.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        blobs: Vec<String>,
    },
    /// A change that carries the fact was handed to the network.
    Sent { fact: String, change: String },
    /// A signed reply said what became of it.
    Acked { fact: String, change: String, outcome: Outcome },
}

/// What a signed reply says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is in the ticket.
    Admitted,
    /// It is kept aside, with a reason.
    Quarantined,
}

/// The file, open for appending.
#[derive(Debug)]
pub struct PhoneLedger {
    path: PathBuf,
    file: File,
}

impl PhoneLedger {
    /// Opens the ledger of a phone, or begins one.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds these lines. They are on the disk when this returns.
    pub fn write(&mut self, entries: &[Entry]) -> std::io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)?;
        self.file.sync_data()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything in the ledger at `path`. A torn last line was never flushed, so it promised nothing.
    pub fn read(path: &Path) -> std::io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut lines = BufReader::new(File::open(path)?).lines().peekable();
        while let Some(line) = lines.next() {
            match serde_json::from_str(&line?) {
                Ok(entry) => entries.push(entry),
                Err(_) if lines.peek().is_none() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_a_torn_line_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ana.jsonl");
        let entries = [
            Entry::Saved {
                ticket: "t".into(),
                fact: "f".into(),
                kind: "blob".into(),
                content: "00".into(),
                blobs: vec!["aa".into()],
            },
            Entry::Acked { fact: "f".into(), change: "c".into(), outcome: Outcome::Quarantined },
        ];
        PhoneLedger::open(&path).unwrap().write(&entries).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"step\":\"sen").unwrap();
        assert_eq!(PhoneLedger::read(&path).unwrap(), entries);
    }
}
