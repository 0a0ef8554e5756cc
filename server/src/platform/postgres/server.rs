//! The running server process and the thread that answers for it.
//!
//! One process at a time holds the keeper's lock of a directory: it starts the server, restarts it if it dies, and stops
//! it. Others use the server, and whoever first notices that the keeper is gone takes its place.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::cluster::Cluster;
use super::postmaster::{Postmaster, State, answers, is_running};
use super::{Durability, PostgresError};

const LONGEST_START: Duration = Duration::from_secs(60);
const LONGEST_STOP: Duration = Duration::from_secs(30);
/// How long a server that was killed may hold its lock file or its shared memory before we believe it.
const LONGEST_AFTERLIFE: Duration = Duration::from_secs(15);
/// How long a server that says it is ready may leave its socket unanswered.
const LONGEST_SILENCE: Duration = Duration::from_secs(3);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const BETWEEN_CHECKS: Duration = Duration::from_millis(250);
const LARGEST_LOG: u64 = 16 * 1024 * 1024;

/// The thread that answers for the server.
///
/// It also has to be the thread that spawns it: Linux sends the parent-death signal when the spawning *thread* ends.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<Result<(), PostgresError>>,
}

impl Keeper {
    pub fn start(cluster: Cluster) -> Result<Self, PostgresError> {
        let (stop, stopped) = mpsc::channel();
        let (started, start) = mpsc::channel();
        let log = cluster.log.clone();
        let thread = thread::Builder::new()
            .name("postgres-keeper".to_owned())
            .spawn(move || keep(&cluster, &started, &stopped))
            .map_err(PostgresError::io("start a thread for", &log))?;
        match start.recv() {
            Ok(Ok(())) => Ok(Self { stop, thread }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(PostgresError::io("keep", &log)(std::io::Error::other("the keeper's thread ended"))),
        }
    }

    pub fn stop(self) -> Result<(), PostgresError> {
        // The thread is gone only if it panicked; joining tells.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or(Ok(()))
    }
}

fn keep(
    cluster: &Cluster,
    started: &Sender<Result<(), PostgresError>>,
    stop: &Receiver<()>,
) -> Result<(), PostgresError> {
    let mut server = match Server::find_or_start(cluster) {
        Ok(server) => Some(server),
        Err(error) => {
            let _ = started.send(Err(error));
            return Ok(());
        }
    };
    let _ = started.send(Ok(()));
    loop {
        match stop.recv_timeout(BETWEEN_CHECKS) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return server.map_or(Ok(()), Server::stop),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if server.as_mut().is_some_and(Server::is_alive) {
            continue;
        }
        tracing::warn!("the embedded PostgreSQL has ended, starting it again");
        // Lets go of the keeper's lock, if it was ours: from here on another process may be quicker.
        server = None;
        match Server::find_or_start(cluster) {
            Ok(again) => server = Some(again),
            Err(error) => tracing::error!(error = %error, "the embedded PostgreSQL does not start"),
        }
    }
}

/// A server that answers.
enum Server {
    /// Our child. The file is the keeper's lock.
    Child { child: Child, _keeper: File },
    /// Left running by a keeper that died; now ours to stop.
    Inherited { pid: Pid, _keeper: File },
    /// Kept by another process.
    Shared { pid: Pid },
}

impl Server {
    fn find_or_start(cluster: &Cluster) -> Result<Self, PostgresError> {
        let deadline = Instant::now() + LONGEST_START;
        loop {
            if let Some(keeper) = lock(cluster)? {
                return Self::inherit_or_start(cluster, keeper);
            }
            if let Some(Postmaster { pid, state: State::Ready }) = Postmaster::read(cluster)
                && answers(cluster)
            {
                return Ok(Self::Shared { pid });
            }
            if Instant::now() > deadline {
                return Err(too_slow(cluster));
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn inherit_or_start(cluster: &Cluster, keeper: File) -> Result<Self, PostgresError> {
        let begun = Instant::now();
        while let Some(postmaster) = Postmaster::read(cluster) {
            let is_ready = postmaster.state == State::Ready;
            let waited = begun.elapsed();
            // A server whose keeper has just been killed is told so by the kernel, and may still look ready.
            if is_ready && waited > BETWEEN_CHECKS && answers(cluster) {
                return Ok(Self::Inherited { pid: postmaster.pid, _keeper: keeper });
            }
            if waited > if is_ready { LONGEST_SILENCE } else { LONGEST_STOP } {
                let pid = postmaster.pid.as_raw_nonzero().get().unsigned_abs();
                let (directory, socket) = (cluster.data.clone(), cluster.socket.clone());
                return Err(PostgresError::Taken { directory, socket, pid });
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        start(cluster, keeper)
    }

    fn is_alive(&mut self) -> bool {
        match self {
            Self::Child { child, .. } => matches!(child.try_wait(), Ok(None)),
            Self::Inherited { pid, .. } | Self::Shared { pid } => is_running(*pid),
        }
    }

    /// Asks for a fast shutdown: open transactions are rolled back, everything committed is flushed.
    fn stop(mut self) -> Result<(), PostgresError> {
        let pid = match &self {
            Self::Shared { .. } => return Ok(()),
            Self::Inherited { pid, .. } => *pid,
            Self::Child { child, .. } => Pid::from_child(child),
        };
        let deadline = Instant::now() + LONGEST_STOP;
        let _ = rustix::process::kill_process(pid, Signal::INT);
        while self.is_alive() {
            if Instant::now() > deadline {
                let _ = rustix::process::kill_process(pid, Signal::QUIT);
                return Err(PostgresError::SlowToStop { seconds: LONGEST_STOP.as_secs() });
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        Ok(())
    }
}

/// The keeper's lock; none while another process holds it.
fn lock(cluster: &Cluster) -> Result<Option<File>, PostgresError> {
    let path = &cluster.keeper_lock;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(PostgresError::io("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(PostgresError::io("lock", path)(error)),
    }
}

fn start(cluster: &Cluster, keeper: File) -> Result<Server, PostgresError> {
    let binaries = cluster.initialise()?;
    let program = binaries.program("postgres");
    let (deadline, mut retry_until) = (Instant::now() + LONGEST_START, Instant::now() + LONGEST_AFTERLIFE);
    loop {
        let log_before = fs::metadata(&cluster.log).map_or(0, |found| found.len());
        let mut child = spawn(cluster, &program)?;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(PostgresError::io("watch", &program))? {
                break status;
            }
            let child_pid = Pid::from_child(&child);
            if Postmaster::read(cluster).is_some_and(|seen| seen.pid == child_pid && seen.state == State::Ready) {
                return Ok(Server::Child { child, _keeper: keeper });
            }
            if Instant::now() > deadline {
                let _ = rustix::process::kill_process(child_pid, Signal::QUIT);
                return Err(too_slow(cluster));
            }
            thread::sleep(BETWEEN_LOOKS);
        };
        let output = log_since(cluster, log_before);
        // The processes and the memory of a killed server outlive it by moments.
        let is_afterlife = output.contains("lock file") || output.contains("shared memory");
        if !is_afterlife || Instant::now() > retry_until {
            return Err(PostgresError::Failed { program: "postgres", status, output });
        }
        retry_until = retry_until.min(deadline);
        thread::sleep(BETWEEN_CHECKS);
    }
}

fn spawn(cluster: &Cluster, program: &std::path::Path) -> Result<Child, PostgresError> {
    let log = open_log(cluster)?;
    let mut command = cluster.owner.command(program);
    command.arg("-D").arg(&cluster.data).current_dir(&cluster.data);
    for setting in cluster.settings() {
        command.arg("-c").arg(setting);
    }
    // A group of its own: Ctrl-C is for us, who first finish what we accepted.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
    end_with_us(&mut command);
    command.spawn().map_err(PostgresError::io("run", program))
}

/// The server shuts down when this process is killed. Without such a signal (macOS) the next process inherits it.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the closure only makes two system calls, which is allowed between fork and exec")]
fn end_with_us(command: &mut std::process::Command) {
    let parent = rustix::process::getpid();
    // SAFETY: the closure allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
            // We may have died before the call.
            if rustix::process::getppid() != Some(parent) {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_us(_command: &mut std::process::Command) {}

fn open_log(cluster: &Cluster) -> Result<File, PostgresError> {
    let path = &cluster.log;
    let is_large = fs::metadata(path).is_ok_and(|found| found.len() > LARGEST_LOG);
    if is_large || cluster.options.durability == Durability::None {
        let _ = fs::remove_file(path);
    }
    OpenOptions::new().create(true).append(true).open(path).map_err(PostgresError::io("open", path))
}

fn too_slow(cluster: &Cluster) -> PostgresError {
    PostgresError::TooSlow { seconds: LONGEST_START.as_secs(), log: cluster.log.clone(), output: log_since(cluster, 0) }
}

/// What the server wrote after its log had this length, at most the last 2,000 bytes.
fn log_since(cluster: &Cluster, length: u64) -> String {
    let log = fs::read(&cluster.log).unwrap_or_default();
    let start = usize::try_from(length).unwrap_or(0).max(log.len().saturating_sub(2_000));
    String::from_utf8_lossy(log.get(start..).unwrap_or(&log)).trim().to_owned()
}
