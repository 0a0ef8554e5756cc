//! What the files of a server tell about the process: the way `pg_ctl` looks at it.

use std::fs;
use std::os::unix::net::UnixStream;

use rustix::process::Pid;

use super::cluster::{Cluster, PORT};

/// What `postmaster.pid` says of the server.
#[derive(Debug)]
pub(super) struct Postmaster {
    pub pid: Pid,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Ready,
    Stopping,
}

impl Postmaster {
    /// None if no server runs in the directory, whatever file a killed one left.
    pub fn read(cluster: &Cluster) -> Option<Self> {
        let text = fs::read_to_string(cluster.data.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = Pid::from_raw(lines.next()?.trim().parse().ok()?)?;
        let state = match lines.nth(6).map(str::trim) {
            Some("ready") => State::Ready,
            Some("stopping") => State::Stopping,
            _ => State::Starting,
        };
        is_running(pid).then_some(Self { pid, state })
    }
}

/// Whether this process exists, is a PostgreSQL, and is no zombie.
pub(super) fn is_running(pid: Pid) -> bool {
    if rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return false;
    }
    match fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) {
        Ok(stat) => stat.contains("(postgres)") && !stat.contains(") Z "),
        // No such file system here, so the existence of the process has to do.
        Err(_) => !fs::exists("/proc/self/stat").unwrap_or(false),
    }
}

/// Whether something listens on the server's socket.
pub(super) fn answers(cluster: &Cluster) -> bool {
    UnixStream::connect(cluster.socket.join(format!(".s.PGSQL.{PORT}"))).is_ok()
}
