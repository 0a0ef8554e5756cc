//! The files of the embedded server: where they lie, how they are first made, who may connect.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::binaries::{self, Binaries};
use super::owner::Owner;
use super::{Durability, EmbeddedOptions, PostgresError};

/// The database that the server keeps everything in.
pub const DATABASE: &str = "callout";

/// Names the socket file; nothing listens on TCP.
pub(super) const PORT: u16 = 5432;

/// A Unix socket's path must fit the kernel's address structure (108 bytes on Linux, 104 on macOS).
const LONGEST_SOCKET_PATH: usize = 103;

/// The database role a connection speaks as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogIn {
    /// Runs the migrations and owns the tables; still subject to row-level security.
    Owner,
    /// What the server runs as: owns nothing, sees one tenant at a time.
    App,
    /// Makes the roles and the database, once.
    Superuser,
}

impl LogIn {
    pub fn role(self) -> &'static str {
        match self {
            Self::Owner => "callout_owner",
            Self::App => "app",
            Self::Superuser => "postgres",
        }
    }
}

/// The place of one cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    pub options: EmbeddedOptions,
    pub owner: Owner,
    /// PostgreSQL's own data directory.
    pub data: PathBuf,
    /// The directory of the socket.
    pub socket: PathBuf,
    pub log: PathBuf,
    /// Locked for as long as a process answers for the server; the kernel lets go when that process dies.
    pub keeper_lock: PathBuf,
}

impl Cluster {
    /// Prepares the directories; makes no cluster yet, since another process may be doing so.
    pub fn open(options: &EmbeddedOptions) -> Result<Self, PostgresError> {
        let owner = Owner::find()?;
        owner.make_private_directory(&options.directory)?;
        let directory = fs::canonicalize(&options.directory).map_err(PostgresError::io("open", &options.directory))?;
        owner.check_reachable(&directory)?;
        let socket = socket_directory(&directory);
        owner.make_private_directory(&socket)?;
        Ok(Self {
            options: options.clone(),
            owner,
            data: directory.join("cluster"),
            socket,
            log: directory.join("log"),
            keeper_lock: directory.join("keeper.lock"),
        })
    }

    /// Makes the cluster if there is none; returns the programs that fit it. Only the keeper calls this.
    pub fn initialise(&self) -> Result<Binaries, PostgresError> {
        let major = self.major()?;
        let binaries = binaries::choose(major, &self.data)?;
        if major.is_none() {
            self.create(&binaries)?;
        }
        self.write_access()?;
        Ok(binaries)
    }

    /// The version that made the cluster; none if there is no cluster.
    fn major(&self) -> Result<Option<u32>, PostgresError> {
        match fs::read_to_string(self.data.join("PG_VERSION")) {
            Ok(text) => match text.trim().parse() {
                Ok(major) => Ok(Some(major)),
                Err(_) => Err(PostgresError::NotACluster { directory: self.data.clone() }),
            },
            Err(_) if is_empty_or_missing(&self.data) => Ok(None),
            Err(_) => Err(PostgresError::NotACluster { directory: self.data.clone() }),
        }
    }

    /// Made beside its place and moved there whole, so that a crash leaves no half of a cluster.
    fn create(&self, binaries: &Binaries) -> Result<(), PostgresError> {
        let unfinished = self.data.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(PostgresError::io("clear", &unfinished))?;
        }
        let mut initdb = self.owner.command(&binaries.program("initdb"));
        initdb.args([
            "--username",
            LogIn::Superuser.role(),
            "--auth=peer",
            "--locale=C",
            "--encoding=UTF8",
            "--pgdata",
        ]);
        initdb.arg(&unfinished).current_dir(&self.options.directory);
        if self.options.durability == Durability::None {
            initdb.arg("--no-sync");
        }
        let output = initdb.output().map_err(PostgresError::io("run", &binaries.program("initdb")))?;
        if !output.status.success() {
            let output_text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(PostgresError::Failed { program: "initdb", status: output.status, output: output_text });
        }
        if self.data.exists() {
            fs::remove_dir(&self.data).map_err(PostgresError::io("replace the empty", &self.data))?;
        }
        fs::rename(&unfinished, &self.data).map_err(PostgresError::io("put in place", &self.data))
    }

    /// Only the operating-system user of this process may connect, and only by the socket.
    fn write_access(&self) -> Result<(), PostgresError> {
        let mut map = String::new();
        for log_in in [LogIn::Superuser, LogIn::Owner, LogIn::App] {
            map.push_str(&format!("callout \"{}\" {}\n", self.owner.us, log_in.role()));
        }
        for (name, text) in [("pg_ident.conf", map.as_str()), ("pg_hba.conf", "local all all peer map=callout\n")] {
            let path = self.data.join(name);
            fs::write(&path, text).map_err(PostgresError::io("write", &path))?;
            self.owner.take(&path, 0o600)?;
        }
        Ok(())
    }

    /// The settings given on the server's command line.
    pub fn settings(&self) -> Vec<String> {
        let mut settings = vec![
            format!("unix_socket_directories={}", self.socket.display()),
            format!("port={PORT}"),
            format!("max_connections={}", self.options.max_connections),
        ];
        let fixed: &[&str] = &["listen_addresses=", "unix_socket_permissions=0700", "timezone=UTC", "log_timezone=UTC"];
        let flushing: &[&str] = match self.options.durability {
            Durability::Full => &["fsync=on", "synchronous_commit=on", "full_page_writes=on"],
            Durability::None => &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"],
        };
        settings.extend(fixed.iter().chain(flushing).map(|setting| (*setting).to_owned()));
        settings
    }
}

fn is_empty_or_missing(directory: &Path) -> bool {
    fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}

/// The directory itself, or a short one of the same name for every process when its path is too long.
fn socket_directory(directory: &Path) -> PathBuf {
    let socket = directory.join(format!(".s.PGSQL.{PORT}"));
    if socket.as_os_str().len() <= LONGEST_SOCKET_PATH {
        return directory.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    directory.hash(&mut hasher);
    PathBuf::from(format!("/tmp/callout-{:016x}", hasher.finish()))
}
