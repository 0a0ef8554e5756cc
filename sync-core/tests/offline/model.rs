//! Everything that can happen, in every order, to two phones that push and are refused, acknowledged and answered twice,
//! make their work again, are cut off, killed and restored from backups, are told that the ticket is no longer theirs,
//! and are asked by a restored server for all of it again.
//!
//! The states are the real thing: each holds two whole [`Replica`](sync_core::replica::Replica)s on their stores and
//! the model of the server with its real guard, policy and documents, and is told from others by a digest over all of
//! that. Each action is one call that a host makes; [`world`] names it. Stateright goes through every state that
//! can be reached within what the [`Bounds`] allow, and in each asks what must always hold; then it lets both phones
//! exchange over good links until they are quiet, and asks what must hold at last. A path of actions to a state where
//! it does not is printed.
//!
//! **Proved**, within the bounds: no order of these events loses a command, uses a number of an actor twice, applies a
//! command twice, or leaves an outbox that good links do not empty. **Not proved**: more events than the bounds allow
//! (the simulation draws those by chance), the real server's SQL and concurrency (its own tests), clocks (they stand
//! still here), and the network's bytes (the fuzz targets). Where the digests of two states were equal by chance, one
//! of them would be passed over: they have 64 bits. That the checker can fail is shown by four [`Defect`]s, each of
//! which it finds.

mod world;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::available_parallelism;

use stateright::{Checker, Model, Property};
use sync_core::ids::FactId;

use world::{Link, Word, World};

/// How much of everything may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Bounds {
    /// What each phone's engineer will say, if he does.
    script: [&'static [Word]; 2],
    losses: u8,
    duplicates: u8,
    crashes: u8,
    /// A phone falls back to its backup of the beginning.
    fall_backs: u8,
    /// The ticket is taken from the first engineer.
    leaves: u8,
    /// The server falls back to its backup of the beginning.
    restores: u8,
}

/// Something wrong on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    None,
    /// The host does not draw a new nonce after a refusal.
    OldNonceAfterRefusal,
    /// The host opens a restored store with the nonce that was drawn for it the first time.
    OldNonceInBackup,
    /// The server says that it has what it then forgets.
    AckBeforeDurable,
    /// The phone says "saved" before it is.
    SavedBeforeDurable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    Say(usize),
    Ask(usize),
    Serve(usize),
    ServeTwice(usize),
    Deliver(usize),
    Lose(usize),
    Crash(usize),
    FallBack(usize),
    TakeAway,
    RestoreServer,
}

struct Phones {
    bounds: Bounds,
    defect: Defect,
}

/// A world, what may still happen in it, and what is known of it.
#[derive(Clone)]
struct State {
    world: Arc<Mutex<World>>,
    /// Once it was asked: what is lost after peace; nothing if peace never comes.
    at_last: Arc<OnceLock<Option<Vec<FactId>>>>,
    left: Bounds,
    said: [usize; 2],
    digest: Vec<u8>,
    /// What went wrong on the way here.
    broken: Option<String>,
}

impl State {
    fn of(mut world: World, left: Bounds, said: [usize; 2]) -> Self {
        let digest = world.digest();
        Self { world: Arc::new(Mutex::new(world)), at_last: Arc::default(), left, said, digest, broken: None }
    }

    fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.lock().unwrap())
    }

    /// From here the links are good until everybody is quiet.
    fn at_last(&self) -> Option<&[FactId]> {
        let mut world = self.look(World::fork);
        let peace = || catch_unwind(AssertUnwindSafe(|| world.make_peace().then(|| world.lost()))).ok().flatten();
        self.at_last.get_or_init(peace).as_deref()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.digest, self.left, self.said, self.broken.is_some()).hash(state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        (&self.digest, self.left, self.said) == (&other.digest, other.left, other.said)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.broken {
            Some(why) => f.write_str(why),
            None => write!(f, "said {:?}", self.said),
        }
    }
}

impl Model for Phones {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::of(World::new(), self.bounds, [0; 2])]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        let left = &state.left;
        state.look(|world| {
            for (who, phone) in world.phones.iter().enumerate() {
                if state.said[who] < left.script[who].len() {
                    actions.push(Action::Say(who));
                }
                match phone.link {
                    Link::Nothing if world.has_reason_to_ask(who) => actions.push(Action::Ask(who)),
                    Link::Nothing => {}
                    Link::Request(_) => {
                        actions.push(Action::Serve(who));
                        if left.duplicates > 0 && !left.script[who].is_empty() {
                            actions.push(Action::ServeTwice(who));
                        }
                    }
                    Link::Reply(_) => actions.push(Action::Deliver(who)),
                }
                // Nothing is at stake for a phone on which nothing is said.
                if left.script[who].is_empty() {
                    continue;
                }
                if left.losses > 0 && phone.link != Link::Nothing {
                    actions.push(Action::Lose(who));
                }
                if left.crashes > 0 {
                    actions.push(Action::Crash(who));
                }
                if left.fall_backs > 0 {
                    actions.push(Action::FallBack(who));
                }
            }
        });
        if left.leaves > 0 {
            actions.push(Action::TakeAway);
        }
        if left.restores > 0 {
            actions.push(Action::RestoreServer);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let (mut left, mut said) = (last.left, last.said);
        let mut world = last.look(World::fork);
        let step = || {
            match action {
                Action::Say(who) => {
                    world.say(who, left.script[who][said[who]], said[who]);
                    said[who] += 1;
                }
                Action::Ask(who) => world.ask(who),
                Action::Serve(who) => world.serve(who, self.defect),
                Action::ServeTwice(who) => {
                    left.duplicates -= 1;
                    world.serve_twice(who, self.defect);
                }
                Action::Deliver(who) => world.deliver(who, self.defect),
                Action::Lose(who) => {
                    left.losses -= 1;
                    world.lose(who);
                }
                Action::Crash(who) => {
                    left.crashes -= 1;
                    world.crash(who, self.defect);
                }
                Action::FallBack(who) => {
                    left.fall_backs -= 1;
                    world.fall_back(who, self.defect);
                }
                Action::TakeAway => {
                    left.leaves -= 1;
                    world.take_away();
                }
                Action::RestoreServer => {
                    left.restores -= 1;
                    world.restore_server();
                }
            }
            match world.number_used_twice() {
                Some(twice) => State { left, said, broken: Some(twice), ..last.clone() },
                None => State::of(world, left, said),
            }
        };
        Some(catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|why| {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into());
            State { left, said, broken: Some(why), ..last.clone() }
        }))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(NO_NUMBER_TWICE, |_, state: &State| state.broken.is_none()),
            Property::always(APPLIED_ONCE, |_, state: &State| state.look(World::is_each_applied_once)),
            Property::always(NOTHING_LOST, |_, state: &State| {
                state.broken.is_some() || state.at_last().is_none_or(<[FactId]>::is_empty)
            }),
            Property::always(OUTBOX_EMPTIES, |_, state: &State| state.broken.is_some() || state.at_last().is_some()),
            Property::sometimes("all is said and has come", |_, state: &State| {
                let all: usize = state.left.script.iter().map(|words| words.len()).sum();
                let has_come = |world: &World| world.server.said(world::TICKET) + world.server.quarantine.len() >= all;
                state.look(has_come)
            }),
        ];
        if self.bounds.script.concat().contains(&Word::Forbidden) {
            properties.push(Property::sometimes("something is refused", |_, state: &State| {
                state.look(|world| !world.server.quarantine.is_empty())
            }));
        }
        properties
    }
}

const NO_NUMBER_TWICE: &str = "no actor's number is used twice";
const APPLIED_ONCE: &str = "a command is applied once";
const NOTHING_LOST: &str = "no command is lost";
const OUTBOX_EMPTIES: &str = "good links empty the outbox";

/// Goes through all of it; the number of states.
fn explore(bounds: Bounds) -> usize {
    let threads = if is_large() { available_parallelism().map_or(1, NonZero::get) } else { 1 };
    let checker = Phones { bounds, defect: Defect::None }.checker().threads(threads).spawn_dfs().join();
    let states = checker.unique_state_count();
    println!("{bounds:?}: {states} states");
    checker.assert_properties();
    states
}

/// What is wrong on purpose is found, and by the property that it offends.
fn finds(defect: Defect, bounds: Bounds, property: &'static str) {
    let checker = Phones { bounds, defect }.checker().spawn_bfs().join();
    let path = checker.discovery(property).unwrap_or_else(|| panic!("{defect:?} is not found"));
    println!("{defect:?}: {:?}", path.into_actions());
}

const NOTE: &[Word] = &[Word::Note];
const TWICE: &[Word] = &[Word::Note, Word::Note];
const REFUSED: &[Word] = &[Word::Forbidden, Word::Note];
const QUIET: Bounds =
    Bounds { script: [REFUSED, NOTE], losses: 0, duplicates: 0, crashes: 0, fall_backs: 0, leaves: 0, restores: 0 };
const ALONE: Bounds = Bounds { script: [REFUSED, &[]], ..QUIET };

/// As many of it at once as fit into a test; `CALLOUT_MODEL=large` (`make model`) takes the second engineer along and
/// a lost message with everything.
fn bounds(one_engineer: Bounds) -> Bounds {
    match is_large() {
        true => Bounds { script: [REFUSED, NOTE], losses: 1, ..one_engineer },
        false => one_engineer,
    }
}

fn is_large() -> bool {
    std::env::var("CALLOUT_MODEL").is_ok_and(|size| size == "large")
}

#[test]
fn a_refusal_while_another_phone_writes() {
    assert!(explore(bounds(QUIET)) > 500);
}

#[test]
fn a_crash() {
    explore(bounds(Bounds { crashes: 1, ..ALONE }));
}

#[test]
fn a_phone_that_falls_back_to_its_backup() {
    explore(bounds(Bounds { script: [TWICE, &[]], fall_backs: 1, ..QUIET }));
}

#[test]
fn a_lost_message() {
    explore(bounds(Bounds { losses: 1, ..ALONE }));
}

#[test]
fn a_request_that_arrives_twice() {
    explore(bounds(Bounds { duplicates: 1, ..ALONE }));
}

#[test]
fn a_ticket_that_leaves() {
    explore(bounds(Bounds { leaves: 1, ..ALONE }));
}

#[test]
fn a_server_that_goes_back_in_time() {
    // At large both say it all.
    for script in [NOTE, &[Word::Forbidden]].into_iter().take(if is_large() { 1 } else { 2 }) {
        explore(bounds(Bounds { script: [script, &[]], restores: 1, ..QUIET }));
    }
}

#[test]
fn a_nonce_kept_after_a_refusal_is_found() {
    finds(Defect::OldNonceAfterRefusal, ALONE, NO_NUMBER_TWICE);
}

#[test]
fn a_nonce_kept_in_a_backup_is_found() {
    finds(Defect::OldNonceInBackup, Bounds { script: [TWICE, &[]], fall_backs: 1, ..QUIET }, NOTHING_LOST);
}

#[test]
fn a_server_that_forgets_what_it_acknowledged_is_found() {
    finds(Defect::AckBeforeDurable, Bounds { script: [NOTE, &[]], ..QUIET }, NOTHING_LOST);
}

#[test]
fn a_phone_that_forgets_what_it_saved_is_found() {
    finds(Defect::SavedBeforeDurable, Bounds { script: [NOTE, &[]], crashes: 1, ..QUIET }, NOTHING_LOST);
}
