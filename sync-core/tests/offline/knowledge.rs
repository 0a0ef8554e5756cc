//! Articles on a phone: how they come, are found, change and go, and what a bad page or a damaged row does.

use std::collections::BTreeMap;

use sync_core::ids::*;
use sync_core::policy::Role;
use sync_core::reference::{Article, KNOWLEDGE};
use sync_core::replica::{Identity, KnowledgeFault, Opening, Replica};
use sync_core::search::Part;
use sync_core::store::{EncryptedStore, MemoryStore, Store, StoreKey, StoreTx, Table};
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{
    Item, Reference, ReferenceRow, ServerSigner, SoftwareDeviceSigner, SyncReply, SyncRequest, signed,
};
use sync_sim::chance::Chance;
use uuid::Uuid;

const KEY: StoreKey = StoreKey([5; 32]);

fn id(n: u128) -> ArticleId {
    ArticleId(Uuid::from_u128(n))
}

fn article(title: &str, body: &str) -> Article {
    let (title, body) = (title.to_owned(), body.to_owned());
    let (kind, language, tags) = ("procedure".to_owned(), "both".to_owned(), vec!["泵".to_owned()]);
    Article {
        kind,
        title,
        body,
        language,
        tags,
        ticket_types: vec![],
        asset_models: vec![],
        number: 1,
        published_at: 7,
    }
}

/// The tenant's articles as a server has them: each with the revision in which it last changed.
struct Library {
    epoch: u128,
    revision: u64,
    articles: BTreeMap<ArticleId, (u64, Option<Article>)>,
    page: usize,
}

impl Library {
    fn new(page: usize) -> Self {
        Self { epoch: 1, revision: 0, articles: BTreeMap::new(), page }
    }

    fn with(page: usize, articles: &[(&str, &str)]) -> Self {
        let mut library = Self::new(page);
        for (n, (title, body)) in (1..).zip(articles) {
            library.publish(n, Some(article(title, body)));
        }
        library
    }

    fn publish(&mut self, n: u128, article: Option<Article>) {
        self.revision += 1;
        self.articles.insert(id(n), (self.revision, article));
    }

    /// What follows this version.
    fn after(&self, known: u64) -> Option<Reference> {
        if known == self.revision {
            return None;
        }
        let known = if known > self.revision { 0 } else { known };
        let mut rows: Vec<_> = self.articles.iter().filter(|(_, (revision, _))| *revision > known).collect();
        rows.sort_by_key(|(_, (revision, _))| *revision);
        let has_more = rows.len() > self.page;
        rows.truncate(self.page);
        let version = if has_more { rows.last().unwrap().1.0 } else { self.revision };
        let row = |(id, (_, article)): &(&ArticleId, &(u64, Option<Article>))| {
            let value = article.as_ref().map(Article::to_bytes).unwrap_or_default();
            ReferenceRow { key: id.to_string(), value, removed: article.is_none() }
        };
        let rows = rows.iter().map(row).collect();
        Some(Reference { set: KNOWLEDGE.into(), version, rows, replaces_all: known == 0, has_more })
    }
}

fn server() -> ServerSigner {
    ServerSigner::from_secret(&[9; 32])
}

fn open<S: Store>(store: S) -> Replica<S> {
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

type InMemory = Replica<EncryptedStore<MemoryStore>>;

fn in_memory() -> InMemory {
    open(EncryptedStore::open(MemoryStore::default(), &KEY).unwrap())
}

/// One exchange; says whether there is more.
fn exchange<S: Store>(phone: &mut Replica<S>, epoch: u128, items: impl FnOnce(u64) -> Vec<Item>) -> bool {
    let now = DeviceTime(1_000);
    let request = phone.poll_request(now).unwrap().unwrap();
    let asked = SyncRequest::decode(&envelope::unpack(&request, 1 << 20).unwrap()).unwrap();
    let held = asked.references.iter().find(|held| held.set == KNOWLEDGE).unwrap();
    let mut reply = SyncReply::new(ServerEpoch(Uuid::from_u128(epoch)), Default::default(), ServerTime(1_000));
    // A server that has been restored cannot know what another one has sent.
    let is_known = asked.server_epoch.is_none_or(|known| known == reply.server_epoch);
    reply.items = items(if is_known { held.version } else { 0 });
    let sealed = signed::seal(&reply.encode(), &request, Effort::Quick, &server());
    phone.handle_reply(&sealed, now, Nonce([7; 16])).unwrap().has_more
}

fn sync<S: Store>(phone: &mut Replica<S>, library: &Library) -> usize {
    let mut pages = 1;
    while exchange(phone, library.epoch, |known| library.after(known).map(Item::Reference).into_iter().collect()) {
        pages += 1;
        assert!(pages < 1_000);
    }
    pages
}

fn titles<S: Store>(phone: &mut Replica<S>, asked: &str) -> Vec<String> {
    let text = |parts: &[Part]| parts.iter().map(|part| part.text.as_str()).collect();
    phone.search_knowledge(asked, 50).unwrap().iter().map(|found| text(&found.title)).collect()
}

const PUMPS: [(&str, &str); 4] = [
    ("更换水泵密封圈", "先关闭阀门并泄压。型号 KX-2040/B。"),
    ("Replacing the pump seal", "Close both valves. For KX-2050 see E04."),
    ("空压机换油", "运行五分钟后放油。"),
    ("Compressor oil", "Drain it warm."),
];

fn articles_are_found_offline_in_both_languages<S: Store>(mut phone: Replica<S>) {
    let mut library = Library::with(3, &PUMPS);
    assert_eq!(titles(&mut phone, "密封圈"), [""; 0]);
    assert_eq!(sync(&mut phone, &library), 2);
    let state = phone.knowledge().unwrap();
    assert_eq!((state.version, state.articles, state.is_complete, state.fault), (4, 4, true, None));
    for (asked, expected) in [
        ("密封圈", PUMPS[0].0),
        ("水泵", PUMPS[0].0),
        ("密", PUMPS[0].0),
        ("kx2040b", PUMPS[0].0),
        ("更换 pump", PUMPS[1].0),
        ("seals", PUMPS[1].0),
        ("e04", PUMPS[1].0),
        ("compres", PUMPS[3].0),
        ("换油", PUMPS[2].0),
    ] {
        assert_eq!(titles(&mut phone, asked).first().map(String::as_str), Some(expected), "{asked}");
    }
    let found = phone.search_knowledge("阀门 泄压", 5).unwrap();
    let marked: Vec<&str> =
        found[0].snippet.iter().filter(|part| part.is_found).map(|part| part.text.as_str()).collect();
    assert_eq!((found[0].id, marked), (id(1), vec!["阀门", "泄压"]));
    assert_eq!(phone.article(id(2)).unwrap(), Some(article(PUMPS[1].0, PUMPS[1].1)));
    assert_eq!(phone.search_knowledge("pump OR 水泵", 1).unwrap().len(), 1);

    // One is written anew, one withdrawn: nothing else travels.
    library.publish(2, Some(article("Replacing the fan belt", "Loosen the motor.")));
    library.publish(3, None);
    let page = library.after(4).unwrap();
    assert_eq!((page.rows.len(), page.replaces_all, page.has_more), (2, false, false));
    assert_eq!(sync(&mut phone, &library), 1);
    assert_eq!(titles(&mut phone, "belt"), ["Replacing the fan belt"]);
    assert_eq!(titles(&mut phone, "seal").len() + titles(&mut phone, "换油").len(), 0);
    assert_eq!((phone.article(id(3)).unwrap(), phone.knowledge().unwrap().articles), (None, 3));
    assert_eq!(library.after(phone.knowledge().unwrap().version), None, "nothing is sent twice");
}

#[test]
fn articles_are_found_offline_in_memory() {
    articles_are_found_offline_in_both_languages(in_memory());
}

#[cfg(feature = "sqlite")]
#[test]
fn articles_are_found_offline_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let store = sync_core::store::SqliteStore::open(&directory.path().join("phone.db")).unwrap();
    articles_are_found_offline_in_both_languages(open(EncryptedStore::open(store, &KEY).unwrap()));
}

#[test]
fn a_set_that_comes_anew_takes_the_place_of_the_old_one_when_it_is_through() {
    let library = Library::with(2, &PUMPS);
    let mut phone = in_memory();
    sync(&mut phone, &library);
    // The server is restored from a backup that never knew the fourth, and knows another.
    let mut other = Library::with(2, &PUMPS[..3]);
    other.epoch = 2;
    other.publish(9, Some(article("皮带", "belt")));
    let page = |phone: &mut InMemory| {
        exchange(phone, 2, |known| other.after(known).map(Item::Reference).into_iter().collect())
    };
    assert!(page(&mut phone));
    assert_eq!(
        titles(&mut phone, "compressor oil"),
        ["Compressor oil"],
        "until the new set is here the old one is of use"
    );
    assert!(!phone.knowledge().unwrap().is_complete);
    assert!(!page(&mut phone));
    assert_eq!((titles(&mut phone, "compressor oil").len(), titles(&mut phone, "皮带").len()), (0, 1));
    assert_eq!(phone.knowledge().unwrap().articles, 4);
    assert!(phone.knowledge().unwrap().is_complete);
}

#[test]
fn a_version_that_the_server_never_had_is_answered_with_the_whole_set() {
    let mut phone = in_memory();
    sync(&mut phone, &Library::with(9, &PUMPS));
    let younger = Library::with(9, &PUMPS[..1]);
    sync(&mut phone, &younger);
    assert_eq!((phone.knowledge().unwrap().version, phone.knowledge().unwrap().articles), (1, 1));
    let nothing = Reference { set: KNOWLEDGE.into(), version: 0, rows: vec![], replaces_all: true, has_more: false };
    exchange(&mut phone, 1, |_| vec![Item::Reference(nothing)]);
    assert_eq!(phone.knowledge().unwrap().articles, 0);
    assert_eq!(titles(&mut phone, "密封圈"), [""; 0]);
}

#[test]
fn a_bad_page_is_refused_whole_and_harms_nothing_beside_it() {
    let library = Library::with(9, &PUMPS);
    let mut phone = in_memory();
    sync(&mut phone, &library);
    let before = phone.knowledge().unwrap();
    let row = |key: &str, value: Vec<u8>| ReferenceRow { key: key.into(), value, removed: false };
    let good = || row(&id(8).to_string(), article("nothing of this", "stays").to_bytes());
    let page = |version, rows| Reference { set: KNOWLEDGE.into(), version, rows, replaces_all: false, has_more: false };
    let long = "x".repeat(Article::LONGEST_BODY + 1);
    let not_one = KnowledgeFault::NotAnArticle(id(7).to_string());
    let bad = [
        (
            page(5, vec![good(), row("no id", article("a", "b").to_bytes())]),
            KnowledgeFault::NotAnArticle("no id".into()),
        ),
        (page(5, vec![good(), row(&id(7).to_string(), vec![0xff; 9])]), not_one.clone()),
        (page(5, vec![good(), row(&id(7).to_string(), vec![])]), not_one.clone()),
        (page(5, vec![good(), row(&id(7).to_string(), article("a", &long).to_bytes())]), not_one),
        (page(5, vec![good(); 2_001]), KnowledgeFault::TooLarge),
        (page(5, vec![row(&id(7).to_string(), vec![0; 9 << 20])]), KnowledgeFault::TooLarge),
        (page(4, vec![good()]), KnowledgeFault::OutOfOrder),
        (page(3, vec![good()]), KnowledgeFault::OutOfOrder),
        (Reference { has_more: true, ..page(5, vec![]) }, KnowledgeFault::OutOfOrder),
    ];
    for (n, (page, fault)) in bad.into_iter().enumerate() {
        let site = row("here", sync_core::reference::Site::default().to_bytes());
        let beside =
            Reference { set: "site".into(), version: 1, rows: vec![site], replaces_all: false, has_more: false };
        exchange(&mut phone, 1, |_| vec![Item::Reference(page), Item::Reference(beside)]);
        let state = phone.knowledge().unwrap();
        assert_eq!((state.version, state.articles, state.fault), (before.version, before.articles, Some(fault)), "{n}");
        assert_eq!((titles(&mut phone, "nothing of this").len(), titles(&mut phone, "密封圈").len()), (0, 1));
        assert_eq!(phone.retry_delay_ms(), 30_000, "it does not ask in a circle");
    }
    // The first page there is must be the first of the set.
    let mut other = in_memory();
    exchange(&mut other, 1, |_| vec![Item::Reference(page(5, vec![good()]))]);
    assert_eq!(other.knowledge().unwrap().fault, Some(KnowledgeFault::OutOfOrder));

    sync(&mut phone, &library);
    exchange(&mut phone, 1, |_| vec![Item::Reference(page(5, vec![good()]))]);
    assert_eq!((phone.knowledge().unwrap().fault, titles(&mut phone, "nothing of this").len()), (None, 1));
}

fn reopened(phone: InMemory, change: impl FnOnce(&mut MemoryStore)) -> InMemory {
    let mut within = phone.close().into_within();
    change(&mut within);
    open(EncryptedStore::open(within, &KEY).unwrap())
}

#[test]
fn whatever_row_is_damaged_the_index_is_made_anew_and_articles_come_again() {
    let library = Library::with(9, &PUMPS);
    let asked = ["密封圈", "seal", "e04", "换油", "oil", "关闭", "compres"];
    let mut phone = in_memory();
    sync(&mut phone, &library);
    let expected = asked.map(|asked| titles(&mut phone, asked));
    let within = phone.close().into_within();
    let mut damaged = 0;
    for table in [Table::Article, Table::SearchIndex] {
        for key in within.clone().begin().unwrap().keys(table, b"").unwrap() {
            for is_gone in [false, true] {
                let phone = open(EncryptedStore::open(within.clone(), &KEY).unwrap());
                let mut phone = reopened(phone, |within| {
                    let mut tx = within.begin().unwrap();
                    match is_gone {
                        true => tx.delete(table, &key).unwrap(),
                        false => tx.put(table, &key, b"rotten").unwrap(),
                    }
                    tx.commit().unwrap();
                });
                damaged += 1;
                assert_eq!(phone.status(DeviceTime(0)).set_aside, 0, "it is not reported as work that was lost");
                let found = asked.map(|asked| titles(&mut phone, asked));
                for (found, expected) in found.iter().zip(&expected) {
                    assert!(found.iter().all(|title| expected.contains(title)), "{table:?} {key:?}");
                    assert!(table == Table::Article || found == expected, "{table:?} {key:?} {is_gone}");
                }
                // An article that is missed is asked for.
                sync(&mut phone, &library);
                assert_eq!(asked.map(|asked| titles(&mut phone, asked)), expected, "{table:?} {key:?}");
                assert_eq!(phone.knowledge().unwrap().articles, 4);
            }
        }
    }
    assert!(damaged > 40, "{damaged} rows");
}

#[test]
fn nothing_of_an_article_or_its_words_can_be_read_on_a_found_phone() {
    let mut library = Library::with(9, &PUMPS);
    library.publish(7, Some(article("Kanarienvogel 金丝雀", "canary canary CN-77 金丝雀")));
    let mut phone = in_memory();
    sync(&mut phone, &library);
    assert_eq!(titles(&mut phone, "金丝雀").len(), 1);
    let mut within = phone.close().into_within();
    let tx = within.begin().unwrap();
    let mut rows = 0;
    for table in Table::ALL {
        for (key, value) in tx.scan(*table, b"").unwrap() {
            rows += 1;
            for secret in ["canar", "Kanar", "cn77", "金丝", "金", "丝", "密封", "valve"] {
                let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!holds(&key) && !holds(&value), "{secret} in {table:?}");
            }
        }
    }
    assert!(rows > 50, "{rows}");
}

#[test]
fn two_phones_with_other_secrets_keep_the_same_words_in_other_places() {
    let sizes = |nonce: u8| {
        let mut phone = in_memory();
        let library = Library::with(9, &PUMPS);
        let request = phone.poll_request(DeviceTime(0)).unwrap().unwrap();
        let mut reply = SyncReply::new(ServerEpoch(Uuid::nil()), Default::default(), ServerTime(0));
        reply.items = vec![Item::Reference(library.after(0).unwrap())];
        let sealed = signed::seal(&reply.encode(), &request, Effort::Quick, &server());
        phone.handle_reply(&sealed, DeviceTime(0), Nonce([nonce; 16])).unwrap();
        assert_eq!(titles(&mut phone, "密封圈").len(), 1);
        let mut within = phone.close().into_within();
        let rows = within.begin().unwrap().scan(Table::SearchIndex, b"p").unwrap();
        rows.into_iter().map(|(key, value)| (key, value.len())).collect::<Vec<_>>()
    };
    assert_eq!(sizes(1), sizes(1));
    assert_ne!(sizes(1), sizes(2));
}

#[test]
fn an_index_that_followed_every_change_finds_what_one_made_at_once_finds() {
    let words =
        ["更换", "水泵", "密封圈", "阀门", "pump", "seals", "valve", "KX-2040/B", "E04", "漏油", "24 V", "电机"];
    for seed in 0..12 {
        let mut chance = Chance(seed);
        let mut library = Library::new(1 + chance.below(4));
        let mut phone = in_memory();
        for _ in 0..30 {
            for _ in 0..=chance.below(3) {
                let n = 1 + chance.below(9) as u128;
                let text = |chance: &mut Chance| {
                    let words: Vec<&str> = (0..=chance.below(6)).map(|_| words[chance.below(words.len())]).collect();
                    words.join([" ", "", "。"][chance.below(3)])
                };
                let is_gone = chance.below(4) == 0;
                let now = (!is_gone).then(|| article(&text(&mut chance), &text(&mut chance)));
                library.publish(n, now);
            }
            match chance.below(8) {
                0 => library.epoch += 1,
                1 => phone = reopened(phone, |_| {}),
                _ => {}
            }
            sync(&mut phone, &library);
        }
        let mut fresh = in_memory();
        sync(&mut fresh, &library);
        assert_eq!(phone.knowledge().unwrap().articles, fresh.knowledge().unwrap().articles);
        for asked in words.iter().chain(&["密封圈 pump", "换水", "val", "电机漏油 24V"]) {
            assert_eq!(
                phone.search_knowledge(asked, 50).unwrap(),
                fresh.search_knowledge(asked, 50).unwrap(),
                "{seed} {asked}"
            );
        }
    }
}

#[test]
fn a_wiped_phone_has_no_articles() {
    let mut phone = in_memory();
    sync(&mut phone, &Library::with(9, &PUMPS));
    let request = phone.poll_request(DeviceTime(0)).unwrap().unwrap();
    let mut reply = SyncReply::new(ServerEpoch(Uuid::from_u128(1)), Default::default(), ServerTime(0));
    reply.standing = sync_core::wire::Standing::Wipe;
    let sealed = signed::seal(&reply.encode(), &request, Effort::Quick, &server());
    phone.handle_reply(&sealed, DeviceTime(0), Nonce([1; 16])).unwrap();
    assert_eq!((titles(&mut phone, "密封圈").len(), phone.knowledge().unwrap()), (0, Default::default()));
}
