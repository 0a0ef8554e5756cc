//! Who may import whom, read from the sources. A rule that a compiler cannot know is kept here.

use std::fs;
use std::path::{Path, PathBuf};

/// The server's rooms from the bottom up. A room imports from rooms below its own, never from its own rank or above.
/// Every room that is not named is a feature.
const RANKS: [&[&str]; 8] = [
    &["platform"],
    &["tenancy"],
    &["directory", "ledger"],
    &["planning"],
    &["state"],
    &[],
    &["router", "workers"],
    &["boot"],
];
const FEATURE: usize = 5;

/// The rooms of sync-core, from the bottom up, by the same rule.
const CORE_RANKS: [&[&str]; 8] = [
    &["ids", "time", "words", "cipher", "reference", "search"],
    &["merkle"],
    &["workflow", "store", "wire"],
    &["document"],
    &["policy", "guard"],
    &["command", "door"],
    &["replica"],
    &["peer"],
];

/// Words of the trade, which `platform` does not know.
const TRADE: [&str; 9] =
    ["ticket", "visit", "engineer", "customer", "dispatcher", "assignment", "workflow", "van stock", "field service"];

/// What sync-core gets as arguments instead.
const OUTSIDE_WORLD: [&str; 10] = [
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "rand::",
    "getrandom",
    "std::net",
    "std::thread",
    "tokio::",
    "Uuid::now_v7",
];

struct Source {
    /// From the root of the workspace.
    path: String,
    text: String,
}

impl Source {
    /// The lines without comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(|line| line.split("//").next().unwrap_or_default())
    }

    /// The lines above the tests, which may use what the product may not.
    fn product_code(&self) -> impl Iterator<Item = &str> {
        let is_test_file = self.path.ends_with("tests.rs") || self.path.contains("/tests/");
        let lines = if is_test_file { 0 } else { usize::MAX };
        self.code().take(lines).take_while(|line| !line.contains("#[cfg(test)]"))
    }

    /// The first folder or file below `src/`.
    fn room(&self) -> &str {
        let below = self.path.split_once("/src/").map_or("", |(_, below)| below);
        below.split(['/', '.']).next().unwrap_or_default()
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned();
    let mut found = Vec::new();
    collect(&root, &root.join(folder), &mut found);
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let path = path.strip_prefix(root).expect("inside the workspace").display().to_string();
            found.push(Source { path, text });
        }
    }
}

fn rank(room: &str) -> usize {
    RANKS.iter().position(|rooms| rooms.contains(&room)).unwrap_or(FEATURE)
}

/// The rooms that this text names after `crate::`, alone or in braces.
fn imported_rooms(text: &str) -> Vec<&str> {
    let mut rooms = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let word =
            |text: &'_ str| text.len() - text.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = 0;
            for (at, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => {
                        rooms.push(&list[start..at]);
                        break;
                    }
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        rooms.push(&list[start..at]);
                        start = at + 1;
                    }
                    _ => {}
                }
            }
        } else {
            rooms.push(&rest[..word(rest)]);
        }
    }
    let name = |item: &'_ str| item.trim().split([':', ' ']).next().map(str::len);
    rooms.into_iter().map(|item| &item.trim()[..name(item).unwrap_or(0)]).filter(|room| !room.is_empty()).collect()
}

#[test]
fn no_room_of_the_server_looks_up_or_sideways() {
    let mut wrong = Vec::new();
    for source in sources("server/src").iter().filter(|source| !["lib", "main"].contains(&source.room())) {
        let own = source.room();
        let code: String = source.code().collect::<Vec<_>>().join("\n");
        for room in imported_rooms(&code) {
            let is_type_or_macro = room.starts_with(|c: char| c.is_uppercase());
            if room != own && !is_type_or_macro && rank(room) >= rank(own) {
                wrong.push(format!("{} imports {room}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_room_of_the_core_looks_up_or_sideways() {
    let rank = |room: &str| CORE_RANKS.iter().position(|rooms| rooms.contains(&room));
    let mut wrong = Vec::new();
    for source in sources("sync-core/src").iter().filter(|source| !["lib", "testing"].contains(&source.room())) {
        let own = source.room();
        let code: String = source.product_code().collect::<Vec<_>>().join("\n");
        let rooms = imported_rooms(&code);
        // A file of tests alone, which `product_code` cannot tell.
        if rooms.contains(&"testing") {
            continue;
        }
        assert!(rank(own).is_some(), "{} has no rank", source.path);
        for room in rooms.into_iter().filter(|room| *room != own && rank(room).is_some()) {
            if rank(room) >= rank(own) {
                wrong.push(format!("{} imports {room}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_reader_of_imports_reads_them() {
    assert_eq!(imported_rooms("use crate::a::B;\nuse crate::{c, d::{E, F}, g};"), ["a", "c", "d", "g"]);
    assert_eq!(imported_rooms("crate::ledger::edit(tx)"), ["ledger"]);
}

#[test]
fn the_platform_knows_nothing_of_the_trade() {
    let mut wrong = Vec::new();
    for source in sources("server/src/platform") {
        let text = source.text.to_lowercase();
        wrong.extend(TRADE.iter().filter(|word| text.contains(*word)).map(|word| format!("{}: {word}", source.path)));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_tenancy_holds_the_pool() {
    let mut wrong = Vec::new();
    for source in sources("server/src").iter().filter(|source| source.room() != "tenancy") {
        for word in ["PgPool", "sqlx::Pool", "PgListener", "query_file", "AssertSqlSafe"] {
            let is_setting_up = source.room() == "boot" && word == "AssertSqlSafe";
            if !is_setting_up && source.product_code().any(|line| line.contains(word)) {
                wrong.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn sql_stands_only_where_it_belongs() {
    let mut wrong = Vec::new();
    let asked = |source: &&Source| !["platform", "tenancy", "ledger", "boot"].contains(&source.room());
    for source in sources("server/src").iter().filter(asked) {
        let file = source.path.rsplit('/').next().unwrap_or_default();
        let is_store = file.contains("store") || source.path.contains("/store/");
        let has_sql = || {
            source
                .product_code()
                .any(|line| line.contains("query!(") || line.contains("query_as!(") || line.contains("query_scalar!("))
        };
        if !is_store && has_sql() {
            wrong.push(source.path.clone());
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "SQL of a feature belongs in its store");
}

#[test]
fn only_the_platform_makes_responses_of_errors() {
    let mut wrong = Vec::new();
    for source in sources("server/src").iter().filter(|source| source.room() != "platform") {
        if source.code().any(|line| line.contains("IntoResponse for")) {
            wrong.push(source.path.clone());
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_request_denies_fields_it_does_not_know() {
    let mut wrong = Vec::new();
    for source in sources("server/src") {
        let lines: Vec<&str> = source.code().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = line.strip_prefix("pub struct ").and_then(|rest| rest.split([' ', '<']).next()) else {
                continue;
            };
            let above: Vec<&&str> =
                lines[..at].iter().rev().take_while(|line| line.starts_with('#') || line.trim().is_empty()).collect();
            let is_read = above.iter().any(|line| line.contains("Deserialize"));
            if name.ends_with("Request") && is_read && !above.iter().any(|line| line.contains("deny_unknown_fields")) {
                wrong.push(format!("{}: {name}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_the_document_and_the_guard_name_automerge() {
    let mut wrong = Vec::new();
    for folder in ["sync-core/src", "server/src", "server/dispatch/src", "mobile-ffi/src"] {
        for source in sources(folder) {
            let may =
                ["sync-core/src/document", "sync-core/src/guard"].iter().any(|room| source.path.starts_with(room));
            if !may && source.code().any(|line| line.contains("automerge::")) {
                wrong.push(source.path);
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn sync_core_touches_nothing_outside_itself() {
    let mut wrong = Vec::new();
    for source in sources("sync-core/src") {
        for word in OUTSIDE_WORLD {
            if source.product_code().any(|line| line.contains(word)) {
                wrong.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn dispatch_imports_nothing_of_ours() {
    let mut wrong = Vec::new();
    for source in sources("server/dispatch/src") {
        let words = [
            "sync_core",
            "callout_server",
            "sqlx",
            "tokio",
            "SystemTime",
            "Instant::now",
            "std::fs",
            "std::net",
            "rand::",
        ];
        wrong.extend(
            words
                .iter()
                .filter(|word| source.product_code().any(|line| line.contains(*word)))
                .map(|word| format!("{}: {word}", source.path)),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The guard, and a request that goes wrong, rely on it: a panic is caught where it was, and nobody else suffers.
#[test]
fn every_profile_that_ships_unwinds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("the manifest");
    let mut profiles = 0;
    for section in manifest.split("\n[").filter(|section| section.starts_with("profile.")) {
        let (name, settings) = section.split_once(']').expect("a section");
        // What stands for one package cannot say how panics go.
        if !name.contains(".package.") {
            assert!(settings.lines().any(|line| line == "panic = \"unwind\""), "{name}");
            profiles += 1;
        }
    }
    assert!(profiles >= 2, "dev and release at least");
    for file in [".cargo/config.toml", "Dockerfile", "Makefile", "mobile-ffi/generate", ".ci/run"] {
        let text = fs::read_to_string(root.join(file)).expect("a file that builds");
        assert!(!text.contains("panic=") && !text.contains("panic = \"abort\""), "{file} changes how panics go");
    }
}
