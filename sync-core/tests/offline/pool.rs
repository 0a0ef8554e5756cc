//! The pool on a phone: how cards come, change and go, and what becomes of wishes for them.

use std::collections::BTreeMap;

use sync_core::ids::*;
use sync_core::policy::Role;
use sync_core::reference::{Card, NeededSkill, POOL};
use sync_core::replica::{Identity, NotWished, Opening, Replica, TakeState};
use sync_core::store::{EncryptedStore, MemoryStore, Store, StoreKey, StoreTx, Table};
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{
    IntentAnswer, IntentOutcome, Item, PoolCard, Reference, ServerSigner, SoftwareDeviceSigner, Standing, SyncReply,
    SyncRequest, signed,
};
use uuid::Uuid;

const KEY: StoreKey = StoreKey([5; 32]);
const NOW: DeviceTime = DeviceTime(1_000);

type Phone = Replica<EncryptedStore<MemoryStore>>;

fn ticket(n: u128) -> TicketId {
    TicketId(Uuid::from_u128(n))
}

fn wish(n: u128) -> IntentId {
    IntentId(Uuid::from_u128(n))
}

fn card(number: &str) -> Card {
    Card {
        visit: Uuid::from_u128(77).to_string(),
        number: number.to_owned(),
        skills: vec![NeededSkill { skill: "canary".into(), level: 2 }],
        ..Card::default()
    }
}

/// The offers of one engineer as a server has them, each with the revision in which it last changed.
struct Pool {
    epoch: u128,
    revision: u64,
    /// Who has less hears everything anew.
    complete_from: u64,
    offers: BTreeMap<TicketId, (u64, Option<Card>)>,
    page: usize,
}

impl Pool {
    fn of(tickets: u128) -> Self {
        let mut pool = Self { epoch: 1, revision: 0, complete_from: 0, offers: BTreeMap::new(), page: 2 };
        (1..=tickets).for_each(|n| pool.put(n, Some(card(&format!("T-{n}")))));
        pool
    }

    fn put(&mut self, n: u128, card: Option<Card>) {
        self.revision += 1;
        self.offers.insert(ticket(n), (self.revision, card));
    }

    fn page(&self, asked: &SyncRequest) -> Vec<Item> {
        let held = asked.references.iter().find(|held| held.set == POOL).unwrap().version;
        let is_known = asked.server_epoch.is_none_or(|known| known.0.as_u128() == self.epoch);
        if held == self.revision && is_known {
            return Vec::new();
        }
        let known = if is_known && (self.complete_from..=self.revision).contains(&held) { held } else { 0 };
        let is_news = |(revision, card): &(u64, Option<Card>)| *revision > known && (known > 0 || card.is_some());
        let mut news: Vec<_> = self.offers.iter().filter(|(_, offer)| is_news(offer)).collect();
        news.sort_by_key(|(_, (revision, _))| *revision);
        let has_more = news.len() > self.page;
        news.truncate(self.page);
        let version = if has_more { news.last().unwrap().1.0 } else { self.revision };
        let head = Reference { set: POOL.into(), version, rows: vec![], replaces_all: known == 0, has_more };
        let card = |(ticket, (_, card)): (&TicketId, &(u64, Option<Card>))| {
            let bytes = card.as_ref().map(Card::to_bytes).unwrap_or_default();
            Item::PoolCard(PoolCard { ticket: *ticket, gone: card.is_none(), card: bytes })
        };
        [Item::Reference(head)].into_iter().chain(news.into_iter().map(card)).collect()
    }
}

fn server() -> ServerSigner {
    ServerSigner::from_secret(&[9; 32])
}

fn open(store: EncryptedStore<MemoryStore>) -> Phone {
    let (tenant, device, user) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let opening = Opening {
        identity: Identity { tenant: TenantId(tenant), device: DeviceId(device), user: UserId(user) },
        role: Role::Engineer,
        server_keys: vec![server().public_key()],
        app_version: "1.0".into(),
        session_nonce: Nonce([4; 16]),
    };
    Replica::open(store, Box::new(SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap()), opening).unwrap()
}

fn phone() -> Phone {
    open(EncryptedStore::open(MemoryStore::default(), &KEY).unwrap())
}

fn reopened(phone: Phone) -> Phone {
    open(EncryptedStore::open(phone.close().into_within(), &KEY).unwrap())
}

/// One exchange, in which the server says this besides.
fn exchange(phone: &mut Phone, pool: &Pool, say: impl FnOnce(&SyncRequest, &mut SyncReply)) -> bool {
    let request = phone.poll_request(NOW).unwrap().unwrap();
    let asked = SyncRequest::decode(&envelope::unpack(&request, 1 << 20).unwrap()).unwrap();
    let mut reply = SyncReply::new(ServerEpoch(Uuid::from_u128(pool.epoch)), Default::default(), ServerTime(1_000));
    reply.items = pool.page(&asked);
    say(&asked, &mut reply);
    let sealed = signed::seal(&reply.encode(), &request, Effort::Quick, &server());
    phone.handle_reply(&sealed, NOW, Nonce([7; 16])).unwrap().has_more
}

fn sync(phone: &mut Phone, pool: &Pool) -> usize {
    let mut pages = 1;
    while exchange(phone, pool, |_, _| {}) {
        pages += 1;
        assert!(pages < 100);
    }
    pages
}

fn answered(asked: &SyncRequest, reply: &mut SyncReply, outcome: IntentOutcome, code: &str) {
    reply.answers.extend(asked.intents.iter().map(|intent| IntentAnswer {
        id: intent.id,
        outcome,
        code: code.into(),
        detail: "in words".into(),
        ticket: intent.ticket,
        payload: vec![],
    }));
}

fn numbers(phone: &mut Phone) -> Vec<String> {
    phone.pool().unwrap().into_iter().map(|offer| offer.card.number).collect()
}

fn state(phone: &Phone, id: IntentId) -> Option<TakeState> {
    phone.takes().into_iter().find(|take| take.id == id).map(|take| take.state)
}

#[test]
fn cards_come_page_by_page_change_and_go() {
    let (mut phone, mut pool) = (phone(), Pool::of(5));
    assert_eq!(sync(&mut phone, &pool), 3);
    assert_eq!(numbers(&mut phone), ["T-1", "T-2", "T-3", "T-4", "T-5"]);
    assert_eq!((sync(&mut phone, &pool), phone.pool_version()), (1, 5));
    pool.put(2, None);
    pool.put(4, Some(card("T-4 again")));
    sync(&mut phone, &pool);
    let mut phone = reopened(phone);
    assert_eq!(numbers(&mut phone), ["T-1", "T-3", "T-4 again", "T-5"]);
    let offer = phone.pool().unwrap().remove(0);
    assert_eq!((offer.ticket, offer.card), (ticket(1), card("T-1")));
}

#[test]
fn whoever_was_away_too_long_or_meets_a_restored_server_gets_everything_anew() {
    let (mut phone, mut pool) = (phone(), Pool::of(3));
    sync(&mut phone, &pool);
    (2..=3).for_each(|n| pool.put(n, None));
    pool.offers.retain(|_, (_, card)| card.is_some());
    pool.complete_from = pool.revision;
    sync(&mut phone, &pool);
    assert_eq!(numbers(&mut phone), ["T-1"], "what went is nowhere any more, and goes all the same");

    // The backup knew others, and counts from where it was.
    let mut other = Pool::of(0);
    other.put(9, Some(card("T-9")));
    (other.epoch, other.revision) = (2, pool.revision);
    sync(&mut phone, &other);
    assert_eq!(numbers(&mut phone), ["T-9"]);

    // One that has nothing to offer says so.
    let empty = Pool { epoch: 3, ..Pool::of(0) };
    sync(&mut phone, &empty);
    assert_eq!(numbers(&mut phone), [""; 0]);
}

#[test]
fn damaged_cards_are_asked_for_again_and_foreign_ones_are_none() {
    let (mut phone, pool) = (phone(), Pool::of(2));
    sync(&mut phone, &pool);
    let mut within = phone.close().into_within();
    let mut tx = within.begin().unwrap();
    let (key, _) = tx.scan(Table::PoolCard, b"").unwrap().remove(0);
    tx.put(Table::PoolCard, &key, b"not what was written").unwrap();
    tx.commit().unwrap();
    let mut phone = open(EncryptedStore::open(within, &KEY).unwrap());
    assert_eq!(numbers(&mut phone).len(), 1);
    sync(&mut phone, &pool);
    assert_eq!(numbers(&mut phone), ["T-1", "T-2"]);

    let nonsense = [vec![0xff; 9], vec![], vec![0; 20 << 10]];
    let cards = (7..).zip(nonsense).map(|(n, card)| Item::PoolCard(PoolCard { ticket: ticket(n), gone: false, card }));
    exchange(&mut phone, &pool, |_, reply| reply.items.extend(cards));
    assert_eq!(numbers(&mut phone), ["T-1", "T-2"], "what is no card is not shown");
    assert_eq!(phone.take(ticket(7), wish(1), NOW), Err(NotWished::NotOffered));
}

#[test]
fn a_wish_is_durable_sent_until_it_is_answered_and_shown_until_it_is_dismissed() {
    let (mut phone, pool) = (phone(), Pool::of(2));
    sync(&mut phone, &pool);
    assert_eq!(phone.take(ticket(9), wish(1), NOW), Err(NotWished::NotOffered));
    assert_eq!(phone.take(ticket(1), wish(1), NOW), Ok(wish(1)));
    assert_eq!(phone.take(ticket(1), wish(2), NOW), Ok(wish(1)), "the one that waits");
    assert_eq!((phone.retry_delay_ms(), phone.unsettled().wishes), (0, 1));
    let mut phone = reopened(phone);
    let mut seen = Vec::new();
    let under_way = |asked: &SyncRequest, reply: &mut SyncReply| answered(asked, reply, IntentOutcome::UnderWay, "");
    exchange(&mut phone, &pool, under_way);
    exchange(&mut phone, &pool, |asked, reply| {
        seen.extend(asked.intents.clone());
        answered(asked, reply, IntentOutcome::Refused, "taken");
    });
    assert_eq!((seen[0].kind.as_str(), seen[0].ticket), ("take", Some(ticket(1))));
    assert_eq!(seen[0].payload, format!(r#"{{"visit":"{}"}}"#, Uuid::from_u128(77)).into_bytes());
    let mut phone = reopened(phone);
    let why = TakeState::Refused { code: "taken".into(), detail: "in words".into() };
    assert_eq!(state(&phone, wish(1)), Some(why));
    exchange(&mut phone, &pool, |asked, _| assert_eq!(asked.intents, []));
    assert!(phone.unsettled().is_nothing(), "an answer is nothing that could be lost");

    // She tries again; and has it.
    assert_eq!(phone.take(ticket(1), wish(3), NOW), Ok(wish(3)));
    exchange(&mut phone, &pool, |asked, reply| answered(asked, reply, IntentOutcome::Granted, "granted"));
    assert_eq!((state(&phone, wish(1)), state(&phone, wish(3))), (None, Some(TakeState::Granted)));
    phone.withdraw(wish(3)).unwrap();
    assert_eq!(state(&phone, wish(3)), Some(TakeState::Granted), "too late");
    phone.forget_wish(wish(3)).unwrap();
    assert_eq!(reopened(phone).takes(), []);
}

#[test]
fn what_never_left_the_phone_is_withdrawn_at_once_and_the_rest_by_the_server() {
    let (mut phone, pool) = (phone(), Pool::of(3));
    sync(&mut phone, &pool);
    phone.take(ticket(1), wish(1), NOW).unwrap();
    phone.withdraw(wish(1)).unwrap();
    assert_eq!((phone.takes(), phone.unsettled().wishes), (vec![], 0));
    exchange(&mut phone, &pool, |asked, _| assert_eq!(asked.intents, []));

    // After a restart nobody knows what was sent.
    phone.take(ticket(1), wish(2), NOW).unwrap();
    let mut phone = reopened(phone);
    phone.withdraw(wish(2)).unwrap();
    phone.withdraw(wish(2)).unwrap();
    assert_eq!(state(&phone, wish(2)), Some(TakeState::Withdrawing));
    assert_eq!(phone.take(ticket(1), wish(3), NOW), Ok(wish(3)), "another wish is another");
    exchange(&mut phone, &pool, |asked, reply| {
        assert_eq!(asked.intents.len(), 2);
        assert_eq!(asked.intents[0].payload, br#"{"withdrawn":true}"#);
        answered(asked, reply, IntentOutcome::Refused, "withdrawn");
        reply.answers.truncate(1);
    });
    assert_eq!((state(&phone, wish(2)), state(&phone, wish(3))), (None, Some(TakeState::Waiting)));
    phone.withdraw(wish(9)).unwrap();
}

#[test]
fn nothing_of_the_pool_is_readable_on_the_disk_and_nothing_is_left_after_a_wipe() {
    let (mut phone, pool) = (phone(), Pool::of(2));
    sync(&mut phone, &pool);
    phone.take(ticket(1), wish(1), NOW).unwrap();
    exchange(&mut phone, &pool, |asked, reply| answered(asked, reply, IntentOutcome::Refused, "canary"));
    let mut within = phone.close().into_within();
    let tx = within.begin().unwrap();
    for table in [Table::PoolCard, Table::Intent] {
        let rows = tx.scan(table, b"").unwrap();
        assert!(!rows.is_empty());
        for (_, value) in rows {
            assert!(!value.windows(6).any(|part| part == b"canary"), "{table:?}");
        }
    }
    drop(tx);
    let mut phone = open(EncryptedStore::open(within, &KEY).unwrap());
    exchange(&mut phone, &pool, |_, reply| {
        reply.items.clear();
        reply.standing = Standing::Wipe;
    });
    assert_eq!((numbers(&mut phone), phone.takes(), phone.pool_version()), (vec![], vec![], 0));
}
