//! A disk with a cache: what was written, what was flushed, and what is left of it when the power goes.
//!
//! The rules are those on which SQLite relies, and no kinder: a write that was not flushed may be there, or not, or
//! some of its sectors may; writes may reach the disk in any order; a file that was created or deleted may still be as
//! before until its directory was flushed; a file may have grown without its content. A sector is written whole or not
//! at all, and its neighbours stay as they are.

use std::collections::BTreeMap;
use std::path::Path;

use sync_sim::chance::Chance;

/// What SQLite asked of the disk, in order.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A name in the directory, for a file that is new.
    Create {
        name: String,
        file: usize,
    },
    Write {
        file: usize,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: usize,
        size: usize,
    },
    /// The file's content is on the disk; if `directory`, so are all names.
    Sync {
        file: usize,
        directory: bool,
    },
    /// The disk failed to. The system forgets that these writes are not there, so nobody will write them again.
    SyncFailed {
        file: usize,
    },
    Delete {
        name: String,
        directory: bool,
    },
}

/// How unkind the disk is to what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it is gone.
    All,
    /// Nothing is, as when only the process died.
    Nothing,
    /// What came after some moment is gone.
    Tail,
    /// Each sector by itself is there or not.
    Sectors,
}

impl Loss {
    pub const ALL: [Self; 4] = [Self::All, Self::Nothing, Self::Tail, Self::Sectors];
}

const SECTOR: usize = 512;

#[derive(Default)]
struct File {
    flushed: Vec<u8>,
    waiting: Vec<Waiting>,
}

enum Waiting {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { size: usize },
}

enum Naming {
    Name(String, usize),
    Forget(String),
}

/// What stands on the disk after these effects and a loss of power.
pub fn survivors(effects: &[Effect], loss: Loss, chance: &mut Chance) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<usize, File> = BTreeMap::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut naming: Vec<Naming> = Vec::new();
    for effect in effects {
        match effect.clone() {
            Effect::Create { name, file } => {
                files.entry(file).or_default();
                naming.push(Naming::Name(name, file));
            }
            Effect::Write { file, at, bytes } => {
                files.entry(file).or_default().waiting.push(Waiting::Write { at, bytes });
            }
            Effect::Truncate { file, size } => {
                files.entry(file).or_default().waiting.push(Waiting::Truncate { size });
            }
            Effect::Sync { file, directory } => {
                files.entry(file).or_default().flush(Loss::Nothing, chance);
                if directory {
                    rename_all(&mut names, naming.drain(..));
                }
            }
            Effect::SyncFailed { file } => files.entry(file).or_default().flush(Loss::All, chance),
            Effect::Delete { name, directory } => {
                naming.push(Naming::Forget(name));
                if directory {
                    rename_all(&mut names, naming.drain(..));
                }
            }
        }
    }
    // Names are kept in order: a directory has a journal of its own.
    let kept = match loss {
        Loss::All => 0,
        Loss::Nothing => naming.len(),
        Loss::Tail | Loss::Sectors => chance.below(naming.len() + 1),
    };
    rename_all(&mut names, naming.into_iter().take(kept));
    files.values_mut().for_each(|file| file.flush(loss, chance));
    names.into_iter().map(|(name, file)| (name, files.remove(&file).unwrap_or_default().flushed)).collect()
}

fn rename_all(names: &mut BTreeMap<String, usize>, naming: impl Iterator<Item = Naming>) {
    for naming in naming {
        match naming {
            Naming::Name(name, file) => names.insert(name, file),
            Naming::Forget(name) => names.remove(&name),
        };
    }
}

impl File {
    fn flush(&mut self, loss: Loss, chance: &mut Chance) {
        let waiting = std::mem::take(&mut self.waiting);
        let kept = match loss {
            Loss::All => 0,
            Loss::Nothing | Loss::Sectors => waiting.len(),
            Loss::Tail => chance.below(waiting.len() + 1),
        };
        let is_whole = loss != Loss::Sectors;
        for waiting in waiting.into_iter().take(kept) {
            match waiting {
                Waiting::Write { at, bytes } => self.write(at, &bytes, || is_whole || chance.percent(50)),
                Waiting::Truncate { size } if is_whole || chance.percent(50) => self.flushed.resize(size, 0),
                Waiting::Truncate { .. } => {}
            }
        }
    }

    /// Writes those sectors that make it.
    fn write(&mut self, at: usize, bytes: &[u8], mut makes_it: impl FnMut() -> bool) {
        let (mut from, end) = (at, at + bytes.len());
        while from < end {
            let to = end.min((from / SECTOR + 1) * SECTOR);
            // A file may have grown without its content.
            if makes_it() && self.flushed.len() < to {
                self.flushed.resize(to, 0);
            }
            if to <= self.flushed.len() && makes_it() {
                self.flushed[from..to].copy_from_slice(&bytes[from - at..to - at]);
            }
            from = to;
        }
    }
}

/// Puts what survived into a directory.
pub fn lay_out(survivors: &BTreeMap<String, Vec<u8>>, directory: &Path) {
    for (name, bytes) in survivors {
        std::fs::write(directory.join(name), bytes).unwrap();
    }
}

#[test]
fn what_was_flushed_stays_and_the_rest_may_go() {
    let write = |at, byte| Effect::Write { file: 1, at, bytes: vec![byte; 1024] };
    let effects = [
        Effect::Create { name: "f".into(), file: 1 },
        write(0, 1),
        Effect::Sync { file: 1, directory: true },
        write(512, 2),
    ];
    let left = |loss, seed| survivors(&effects, loss, &mut Chance(seed)).remove("f").unwrap();
    assert_eq!(left(Loss::All, 0), [1; 1024]);
    assert_eq!(left(Loss::Nothing, 0), [[1; 512], [2; 512], [2; 512]].concat());
    let torn: Vec<Vec<u8>> = (0..64).map(|seed| left(Loss::Sectors, seed)).collect();
    assert!(torn.iter().all(|bytes| bytes[..512] == [1; 512]), "a neighbour is never touched");
    assert!(torn.iter().any(|bytes| bytes[512..1024] == [1; 512] && bytes[1024..] == [2; 512]), "out of order");
    assert!(torn.iter().any(|bytes| bytes[1024..] == [0; 512]), "grown without its content");
    assert!(survivors(&effects[..1], Loss::All, &mut Chance(0)).is_empty(), "a name that was not flushed");
    let failed = [&effects[..], &[Effect::SyncFailed { file: 1 }, Effect::Sync { file: 1, directory: false }]].concat();
    assert_eq!(survivors(&failed, Loss::Nothing, &mut Chance(0))["f"], [1; 1024], "nobody writes it again");
}
