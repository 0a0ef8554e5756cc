//! Which operating-system user the server process runs as. PostgreSQL refuses to run as root, rightly.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::PostgresError;

/// The user that owns the cluster.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    /// Whom to become; none when we are not root and simply stay who we are.
    drop_to: Option<User>,
    /// The name under which *this* process connects: what `pg_ident.conf` maps to the database roles.
    pub us: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

impl Owner {
    pub fn find() -> Result<Self, PostgresError> {
        let path = Path::new("/etc/passwd");
        let passwd = std::fs::read_to_string(path).map_err(PostgresError::io("read", path))?;
        let users: Vec<User> = passwd.lines().filter_map(user_of_line).collect();
        let uid = rustix::process::geteuid();
        let us = users.iter().find(|user| user.uid == uid.as_raw()).map(|user| user.name.clone());
        // macOS keeps its people in a directory service, not in /etc/passwd.
        let us = us.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "root".to_owned());
        if !uid.is_root() {
            return Ok(Self { drop_to: None, us });
        }
        let unprivileged = ["postgres", "nobody"].iter().find_map(|name| users.iter().find(|user| user.name == *name));
        let drop_to = unprivileged.cloned().ok_or(PostgresError::NoUnprivilegedUser)?;
        Ok(Self { drop_to: Some(drop_to), us })
    }

    /// A command that will run as this user, with nothing of our environment.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
        if let Some(user) = &self.drop_to {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    /// Makes the directory if need be, private and owned by this user.
    pub fn make_private_directory(&self, path: &Path) -> Result<(), PostgresError> {
        std::fs::create_dir_all(path).map_err(PostgresError::io("make the directory", path))?;
        self.take(path, 0o700)
    }

    pub fn take(&self, path: &Path, mode: u32) -> Result<(), PostgresError> {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .map_err(PostgresError::io("set the permissions of", path))?;
        let Some(user) = &self.drop_to else { return Ok(()) };
        chown(path, Some(user.uid), Some(user.gid)).map_err(PostgresError::io("change the owner of", path))
    }

    /// An error unless this user can enter the directory, which depends on everything above it.
    pub fn check_reachable(&self, directory: &Path) -> Result<(), PostgresError> {
        let Some(user) = &self.drop_to else { return Ok(()) };
        // The change of directory happens after the change of user.
        let entered = self.command(Path::new("/bin/sh")).args(["-c", "exit 0"]).current_dir(directory).status();
        match entered {
            Ok(status) if status.success() => Ok(()),
            _ => Err(PostgresError::Unreachable { directory: directory.to_owned(), user: user.name.clone() }),
        }
    }
}

fn user_of_line(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { name, uid, gid })
}
