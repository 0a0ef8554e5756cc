//! `kill -9` of a real process, in a loop: the phone runs in a process of its own, the server in this one.
//!
//! What the process said is saved must be there when it has been killed, however far it was with what came next.
//! `CALLOUT_KILLS=1000` kills so often.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use sync_core::ids::*;
use sync_core::replica::Replica;
use sync_core::store::{EncryptedStore, SqliteStore};
use sync_core::time::DeviceTime;

use crate::phone::{self, KEY, STEPS, Word, ticket};
use sync_sim::chance::Chance;
use sync_sim::server::Server;

const DIRECTORY: &str = "CALLOUT_TEST_PHONE";
const SEED: &str = "CALLOUT_TEST_SEED";
const FIRST_TICKET: &str = "CALLOUT_TEST_TICKET";
/// So many tickets are worked on at a time.
const TICKETS: u128 = 3;

type RealPhone = Replica<EncryptedStore<SqliteStore>>;

fn open(directory: &Path, server: &Server, chance: &mut Chance) -> RealPhone {
    let store = SqliteStore::open(&directory.join("callout.sqlite")).unwrap();
    phone::open(EncryptedStore::open(store, &KEY).unwrap(), server, chance).unwrap()
}

#[test]
fn f3_kill_9_at_random_moments_loses_nothing_saved() {
    let kills: usize = std::env::var("CALLOUT_KILLS").ok().and_then(|number| number.parse().ok()).unwrap_or(12);
    let directory = tempfile::tempdir().unwrap();
    let (mut server, mut chance) = (phone::server_with(TICKETS), Chance(9));
    let mut owed: Vec<(FactId, TicketId)> = Vec::new();
    let mut arrived = Vec::new();
    for kill in 0..kills {
        server.now.0 += 60_000;
        // Now and then work begins on new tickets, so that none grows without end.
        let first = kill as u128 / 8;
        if first > 0 && kill % 8 == 0 {
            server.create_ticket(ticket(first + TICKETS - 1));
            server.show(ticket(first + TICKETS - 1), phone::ANA);
            server.hide(ticket(first - 1), phone::ANA);
        }
        until_killed(directory.path(), first, &mut server, &mut owed, &mut chance);
        let mut replica = open(directory.path(), &server, &mut chance);
        phone::assert_not_lost(&mut replica, &server, &owed, &format!("at kill {kill}"));
        // The next kill cannot take what the server has.
        arrived.extend(owed.extract_if(.., |(fact, ticket)| phone::is_at_server(&server, *ticket, *fact)));
    }
    let mut replica = open(directory.path(), &server, &mut chance);
    phone::sync(&mut replica, &mut server, &mut chance);
    let saved = arrived.len() + owed.len();
    assert!(saved > kills, "too few to tell: {saved}");
    eprintln!("{kills} kills, {saved} facts saved before one");
    for (fact, ticket) in arrived.into_iter().chain(owed) {
        assert!(phone::is_at_server(&server, ticket, fact), "{fact} never reached the server");
    }
}

/// Starts the phone, answers its requests, and kills it after some lines.
fn until_killed(
    directory: &Path,
    first: u128,
    server: &mut Server,
    saved: &mut Vec<(FactId, TicketId)>,
    chance: &mut Chance,
) {
    let mut phone = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "kill::a_phone_that_is_told_to_work_until_it_is_killed"])
        .env(DIRECTORY, directory)
        .env(SEED, chance.number().to_string())
        .env(FIRST_TICKET, first.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(phone.stdout.take().unwrap()).lines();
    let mut answers = phone.stdin.take().unwrap();
    let mut left = 2 + chance.below(30);
    // What it wrote before it was killed is still in the pipe, and counts.
    for line in lines {
        let line = line.unwrap();
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("saved"), Some(fact), Some(ticket)) => {
                saved.push((FactId(fact.parse().unwrap()), TicketId(ticket.parse().unwrap())));
            }
            (Some("request"), Some(request), None) => {
                let answer = hex(&server.sync(&unhex(request)));
                // Killed meanwhile, it does not hear.
                let _ = writeln!(answers, "{answer}");
            }
            _ => continue,
        }
        left = left.saturating_sub(1);
        if left == 0 {
            phone.kill().unwrap();
        }
    }
    let ended = phone.wait().unwrap();
    assert!(ended.code().is_none(), "killed, and not by itself: {ended}");
}

/// The other process. Called as a test like any other, it stops after some steps, with a server of its own.
#[test]
fn a_phone_that_is_told_to_work_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        let (directory, mut server) = (tempfile::tempdir().unwrap(), phone::server_with(TICKETS));
        let mut saved = Vec::new();
        work(directory.path(), 40, 1, 0, |fact, ticket| saved.push((fact, ticket)), |request| server.sync(request));
        assert!(saved.iter().filter(|(fact, ticket)| phone::is_at_server(&server, *ticket, *fact)).count() > 5);
        return;
    };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let say = |line: &str| {
        let mut out = std::io::stdout().lock();
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
    };
    work(
        Path::new(&directory),
        usize::MAX,
        number(SEED),
        number(FIRST_TICKET).into(),
        |fact, ticket| say(&format!("\nsaved {fact} {ticket}\n")),
        |request| {
            say(&format!("\nrequest {}\n", hex(request)));
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer).unwrap();
            unhex(answer.trim())
        },
    );
}

fn work(
    directory: &Path,
    steps: usize,
    seed: u64,
    first: u128,
    mut saved: impl FnMut(FactId, TicketId),
    mut post: impl FnMut(&[u8]) -> Vec<u8>,
) {
    let (server, mut chance) = (phone::server_with(TICKETS), Chance(seed));
    let mut replica = open(directory, &server, &mut chance);
    let mut now = server.now.0;
    for _ in 0..steps {
        now += 1_000;
        let at = ticket(first + chance.below(TICKETS as usize) as u128);
        let word = match chance.below(10) {
            0..3 => {
                let request = replica.poll_request(DeviceTime(now)).unwrap().unwrap();
                let answer = post(&request);
                replica.handle_reply(&answer, DeviceTime(now), Nonce(chance.bytes())).unwrap();
                continue;
            }
            3..5 => Word::Step(chance.below(STEPS.len())),
            5 => Word::Photo,
            _ => Word::Note,
        };
        if let Some(fact) = phone::say(&mut replica, DeviceTime(now), at, word, &mut chance).unwrap() {
            saved(fact, at);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}
