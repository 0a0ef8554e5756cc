//! The tenant's articles on its phones: after the tickets, only what has changed, found with no network.

use callout_tests::{Actor, Phone, TestApp};
use serde_json::Value;
use sync_core::ids::ArticleId;
use sync_core::reference::{Article, KNOWLEDGE};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{Item, Reference, ReferenceVersion, SyncReply, SyncRequest};

use crate::knowledge::{found, published, text, verb};

fn titles(phone: &mut Phone, asked: &str) -> Vec<String> {
    let found = phone.search(asked).into_iter();
    found.map(|found| found.title.iter().map(|part| part.text.as_str()).collect()).collect()
}

fn id(article: &Value) -> ArticleId {
    article["article_id"].as_str().expect("an id").parse().expect("an id")
}

/// Asks as the phone would, but for this change.
async fn ask(phone: &mut Phone, with: impl FnOnce(&mut SyncRequest)) -> SyncReply {
    let (usual, _) = phone.intercept();
    let mut request = SyncRequest::decode(&envelope::unpack(&usual, 1 << 20).expect("an envelope")).expect("a request");
    with(&mut request);
    let bytes = envelope::pack(&request.encode(), Effort::Quick);
    let body = phone.post(bytes.clone()).await.expect("an answer");
    phone.read_reply(&body, &bytes).expect("a signed reply")
}

fn page(reply: &SyncReply) -> Option<&Reference> {
    reply.items.iter().find_map(|item| match item {
        Item::Reference(reference) if reference.set == KNOWLEDGE => Some(reference),
        _ => None,
    })
}

async fn scene(app: &TestApp) -> (Actor, Phone) {
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    desk.new_visit().assigned_to(&ana).save().await;
    app.settle().await;
    (desk, ana.phone().await)
}

#[tokio::test]
async fn procedures_are_found_in_a_basement_in_both_languages() {
    let app = TestApp::start().await;
    let (desk, mut phone) = scene(&app).await;
    let seal = published(&desk, "更换水泵密封圈", "先关闭阀门并泄压。型号 KX-2040/B。").await;
    let pump = published(&desk, "Replacing the pump seal", "Close both valves. See E04.").await;
    let oil = published(&desk, "空压机换油", "运行五分钟后放油。").await;
    desk.post("/articles", &text("draft 密封圈", "not yet")).await.expect(201);
    phone.online().await.offline();
    let state = phone.knowledge();
    assert_eq!((state.articles, state.is_complete, state.version), (3, true, 3));
    for asked in [
        "密封圈",
        "seals",
        "关闭阀门",
        "e04",
        "kx2040b",
        "油",
        "更换 pump",
        "轴承",
        "how to replace a seal",
        "\"NEAR(*",
    ] {
        assert_eq!(titles(&mut phone, asked), found(&desk, asked).await, "as on the server: {asked}");
    }
    assert_eq!(titles(&mut phone, "密封圈"), ["更换水泵密封圈"]);
    assert_eq!(titles(&mut phone, "compres"), [""; 0]);
    let article: Article = phone.article(id(&pump)).expect("the article");
    assert_eq!((article.body.as_str(), article.number, article.tags.len()), ("Close both valves. See E04.", 1, 2));

    // Meanwhile at the desk: one is rewritten, one withdrawn.
    let path = format!("/articles/{}", pump["article_id"].as_str().unwrap());
    let again = desk.put(&path, 2, &text("Replacing the fan belt", "皮带")).await.expect(200).json();
    verb(&desk, &again, "publish").await.expect(200);
    verb(&desk, &oil, "withdraw").await.expect(200);
    assert_eq!(titles(&mut phone, "油").len(), 1, "with no network it has what it had");
    phone.online().await.offline();
    assert_eq!(
        (titles(&mut phone, "油").len(), titles(&mut phone, "皮带").len(), phone.knowledge().articles),
        (0, 1, 2)
    );
    assert_eq!((phone.article(id(&oil)), phone.article(id(&seal)).is_some()), (None, true));

    // Killed and started again, it has and finds them all the same, and is sent nothing twice.
    let mut phone = phone.restart();
    assert_eq!(titles(&mut phone, "密封圈"), ["更换水泵密封圈"]);
    let reply = ask(&mut phone, |_| {}).await;
    assert_eq!(page(&reply), None);
    for file in std::fs::read_dir(phone.directory()).unwrap().flatten().filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        for secret in ["密封", "belt", "皮带", "KX-2040", "kx2040"] {
            assert!(
                !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                "{secret} in {:?}",
                file.path()
            );
        }
    }
}

#[tokio::test]
async fn tickets_come_first_and_articles_page_by_page() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    for _ in 0..3 {
        desk.new_visit().assigned_to(&ana).save().await;
    }
    for n in 0..24 {
        published(&desk, &format!("Procedure {n}"), &format!("步骤{n} {}", "密封圈 ".repeat(6_000))).await;
    }
    app.settle().await;
    let mut phone = ana.phone().await;
    let small = ask(&mut phone, |request| request.budget.documents = 1).await;
    assert!(small.more && page(&small).is_none(), "while there are tickets there are no articles");
    let first = ask(&mut phone, |_| {}).await;
    let articles = page(&first).expect("a page of articles in the room that is left");
    assert!(!first.more, "the tickets are all here");
    assert!(articles.has_more && articles.replaces_all && articles.rows.len() < 12, "{}", articles.rows.len());
    let least = ask(&mut phone, |request| request.budget.bytes = 40_000).await;
    assert_eq!(page(&least).expect("a page").rows.len(), 1, "as little as a phone wants");
    let full = ask(&mut phone, |request| request.references.clear()).await;
    assert_eq!(page(&full), None, "a phone that does not keep articles is sent none");

    phone.online().await;
    assert_eq!((phone.tickets().count(), phone.knowledge().articles), (3, 24));
    assert!(phone.status().is_synced && phone.knowledge().is_complete);
    assert_eq!(titles(&mut phone, "procedure 17")[0], "Procedure 17");
    let nothing_new = ask(&mut phone, |_| {}).await;
    assert_eq!(nothing_new.items, []);

    let version = |version| vec![ReferenceVersion { set: KNOWLEDGE.to_owned(), version }];
    for unknown in [0, 25, u64::MAX] {
        let whole = ask(&mut phone, |request| request.references = version(unknown)).await;
        let page = page(&whole).expect("the whole set");
        assert!(page.replaces_all && page.has_more, "{unknown}");
    }
    let rest = ask(&mut phone, |request| request.references = version(22)).await;
    let rest = page(&rest).expect("what has changed since");
    assert_eq!((rest.rows.len(), rest.replaces_all, rest.has_more, rest.version), (2, false, false, 24));
}

#[tokio::test]
async fn after_a_restore_the_phone_has_what_the_server_has() {
    let app = TestApp::start().await;
    let (desk, mut phone) = scene(&app).await;
    published(&desk, "Kept 密封圈", "a").await;
    let (app, backup) = app.back_up().await;
    published(&desk, "Lost with the backup", "b").await;
    phone.online().await;
    assert_eq!(phone.knowledge().articles, 2);
    let app = app.restore(backup).await;
    published(&desk, "Written since", "c").await;
    phone.online().await;
    assert_eq!((titles(&mut phone, "lost").len(), titles(&mut phone, "written").len()), (0, 1));
    assert_eq!((titles(&mut phone, "密封圈").len(), phone.knowledge().articles), (1, 2));
    drop(app);
}
