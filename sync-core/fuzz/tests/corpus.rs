//! Every target on its corpus, and a small run of hostile changes: what `make fuzz` and `make mutants-hostile` do for
//! longer.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use sync_core_fuzz::hostile::Honest;
use sync_core_fuzz::{quiet, seed, target};

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut found: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn nothing_in_the_corpus_does_harm() {
    quiet::be_quiet();
    let mut wrong = Vec::new();
    for (name, run) in target::ALL {
        let corpus = corpus(name);
        assert!(!corpus.is_empty());
        for (file, bytes) in corpus {
            if let Err(why) = quiet::caught(|| run(&bytes)) {
                wrong.push(format!("{name}/{file}: {why}"));
            }
        }
    }
    let wrong = wrong.join("\n");
    let _ = std::panic::take_hook();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_corpus_begins_with_what_honest_phones_and_servers_send_today() {
    let mut targets = BTreeSet::new();
    for (target, name, bytes) in seed::seeds() {
        targets.insert(target);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target).join(&name);
        assert!(std::fs::read(path).ok() == Some(bytes), "{target}/{name}: cargo run -p sync-core-fuzz --bin seeds");
    }
    assert_eq!(targets, target::ALL.iter().map(|(name, _)| *name).collect());
}

#[test]
fn hostile_changes_do_no_harm() {
    quiet::be_quiet();
    let tally = Honest::new().try_all(0, 20_000, 2, &AtomicU64::new(0));
    let _ = std::panic::take_hook();
    assert_eq!(tally.harmful, []);
    assert_eq!(tally.tried(), 20_000);
    assert!(tally.passed > 1_000 && tally.forged > 5_000, "{tally:?}: too few to mean anything");
    // Each of these is refused for what it is, and not for something that comes before.
    let codes = ["undecodable_change", "not_canonical", "forbidden_op", "not_one_fact", "bad_fact", "wrong_start_op"];
    for code in codes.iter().chain(&["seq_gap", "unknown_deps", "unknown_after", "outside_facts", "other_actor"]) {
        assert!(tally.refused.contains_key(code), "{code}: {:?}", tally.refused);
    }
}
