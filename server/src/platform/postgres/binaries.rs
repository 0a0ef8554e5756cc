//! Where the installed PostgreSQL keeps its programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::PostgresError;

/// The oldest version whose row-level security (views with `security_invoker`) we rely on.
const OLDEST: u32 = 15;

/// The programs of one installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub directory: PathBuf,
    pub major: u32,
}

impl Binaries {
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The installation to use: of the version that made the cluster if there is one, else the newest.
pub(super) fn choose(cluster_major: Option<u32>, cluster: &Path) -> Result<Binaries, PostgresError> {
    let places = places();
    let installed: Vec<Binaries> = places.iter().filter_map(|place| inspect(place)).collect();
    let usable = installed.iter().filter(|found| found.major >= OLDEST);
    match cluster_major {
        None => usable.max_by_key(|found| found.major).cloned().ok_or_else(|| PostgresError::NotInstalled {
            looked_in: places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", "),
        }),
        Some(major) => installed.iter().find(|found| found.major == major).cloned().ok_or_else(|| {
            let mut versions: Vec<String> = installed.iter().map(|found| found.major.to_string()).collect();
            versions.dedup();
            let installed = if versions.is_empty() { "no version".to_owned() } else { versions.join(" and ") };
            PostgresError::OtherVersion { directory: cluster.to_owned(), found: major, installed }
        }),
    }
}

/// `PG_BIN_DIR` alone if it is set; else every place where packages put the programs.
fn places() -> Vec<PathBuf> {
    if let Some(told) = std::env::var_os("PG_BIN_DIR") {
        return vec![told.into()];
    }
    let mut places = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output()
        && output.status.success()
    {
        places.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, bin) in [
        ("/usr/lib/postgresql", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/usr/pgsql", "bin"),
        ("/Library/PostgreSQL", "bin"),
    ] {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        places.extend(entries.flatten().map(|entry| entry.path().join(bin)));
    }
    if let Some(path) = std::env::var_os("PATH") {
        places.extend(std::env::split_paths(&path));
    }
    places.retain(|place| place.join("initdb").is_file() && place.join("postgres").is_file());
    places
}

fn inspect(directory: &Path) -> Option<Binaries> {
    let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
    let major = major_of(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { directory: directory.to_owned(), major })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15.
fn major_of(version: &str) -> Option<u32> {
    let number = version.split(' ').nth(2)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_of;

    #[test]
    fn versions_as_they_are_printed() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18.1\n"), Some(18));
        assert_eq!(major_of("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major_of("something else"), None);
    }
}
