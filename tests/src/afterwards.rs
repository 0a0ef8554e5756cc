//! What is cleaned up when this process is gone, however it went: a program that is killed runs no destructor.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A shell that outlives us, holding the other end of a pipe. The kernel closes our end when we are gone.
pub struct Afterwards(Child);

impl Afterwards {
    /// Runs the script with these arguments (`$1`, `$2`, …) once we are gone or what is returned is dropped.
    pub fn run(script: &str, arguments: &[&str]) -> std::io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("cat >/dev/null\n{script}"), "afterwards"]).args(arguments);
        // A group of its own: what is meant for ours, Ctrl-C or a kill, is not for it.
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        shell.spawn().map(Self)
    }

    /// Nothing is left to be done.
    pub fn cancel(mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
