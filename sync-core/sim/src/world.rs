//! What may happen in a run.

/// The dangers of a run, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    pub name: &'static str,
    pub phones: usize,
    pub tickets: usize,
    pub steps: usize,
    /// Stores fall back to backups, and are cloned.
    pub backups: bool,
    /// The server falls back to a backup.
    pub server_restores: bool,
    /// Processes are killed at any effect on their store.
    pub kills: bool,
    /// A colleague's phone is in hostile hands.
    pub attacker: bool,
    /// Phones meet each other and carry each other's work.
    pub meetings: bool,
    /// Tickets are offered to everybody, and everybody takes them.
    pub pool: bool,
}

const QUIET: World = World {
    name: "",
    phones: 3,
    tickets: 2,
    steps: 100,
    backups: false,
    server_restores: false,
    kills: false,
    attacker: false,
    meetings: false,
    pool: false,
};

/// Nothing but bad links.
pub const LINKS: World = World { name: "links", phones: 4, tickets: 3, ..QUIET };
/// Processes die, stores come back from backups and are cloned.
pub const COPIES: World = World { name: "copies", backups: true, kills: true, ..QUIET };
/// The server comes back from a backup.
pub const RESTORES: World = World { name: "restores", server_restores: true, ..QUIET };
/// Somebody means harm.
pub const HOSTILE: World = World { name: "hostile", attacker: true, kills: true, ..QUIET };
/// Phones that meet where there is no network, and die in the middle of it.
pub const MEETINGS: World = World { name: "meetings", phones: 4, meetings: true, kills: true, ..QUIET };
/// Everybody wants the same, and some with a copy of a phone.
pub const POOL: World = World { name: "pool", phones: 4, tickets: 3, backups: true, kills: true, pool: true, ..QUIET };
/// Everything at once.
pub const ALL: World = World {
    name: "all",
    phones: 4,
    tickets: 3,
    steps: 150,
    backups: true,
    server_restores: true,
    kills: true,
    attacker: true,
    meetings: true,
    pool: false,
};

/// Every world.
pub const WORLDS: [World; 7] = [LINKS, COPIES, RESTORES, HOSTILE, MEETINGS, POOL, ALL];

impl World {
    /// The world of this name.
    pub fn named(name: &str) -> Option<Self> {
        WORLDS.into_iter().find(|world| world.name == name)
    }
}
