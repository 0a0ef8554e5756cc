//! The open pool: to whom what is offered, and what comes of it when somebody wants it.

use callout_server::tenancy::Role;
use callout_tests::{Actor, Phone};
use serde_json::{Value, json};
use sync_core::ids::IntentId;
use sync_core::replica::TakeState;
use sync_core::time::DeviceTime;
use uuid::Uuid;

use super::area::{Area, Asked, Wanted, list, no_skills, skilled, time};

impl Area {
    /// A visit on offer, an hour's work at any time.
    pub async fn pooled(&self) -> Wanted {
        self.offered(|asked| asked).await
    }

    pub async fn offered(&self, ask: impl FnOnce(Asked) -> Asked) -> Wanted {
        let site = self.site(Some((0.5, 0.0))).await;
        let wanted = self.ask(ask(Asked::at(site).of_type("pool"))).await;
        self.app.relayed().await;
        wanted
    }

    /// What somebody is told of the pool.
    async fn pool(&self, actor: &Actor) -> Vec<Value> {
        list(&actor.get("/pool").await.expect(200).json()["items"]).to_vec()
    }

    async fn is_offered_to(&self, wanted: Wanted, actor: &Actor) -> bool {
        self.pool(actor).await.iter().any(|entry| entry["ticket_id"] == json!(wanted.ticket.0))
    }

    /// Brings a phone up to what has become of everything.
    pub async fn up_to_date(&self, phone: &mut Phone) {
        self.app.relayed().await;
        phone.online().await;
    }

    async fn unassign(&self, wanted: Wanted) {
        let mut database = self.app.database().superuser().await;
        let grant: Uuid =
            sqlx::query_scalar("select grant_id from assignment where visit_id = $1 and ended_at is null")
                .bind(wanted.visit.0)
                .fetch_one(&mut database)
                .await
                .expect("an assignment");
        self.dora.delete(&format!("/assignments/{grant}")).await.expect(204);
    }
}

pub fn refused(code: &str, phone: &Phone, wish: IntentId) -> bool {
    matches!(phone.took(wish), Some(TakeState::Refused { code: said, detail }) if said == code && !detail.is_empty())
}

#[tokio::test]
async fn a_ticket_is_taken_with_no_network_and_granted_when_there_is_one() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let wanted = area.pooled().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    let offer = phone.offers().pop().expect("an offer");
    assert_eq!((offer.ticket, offer.card.visit.as_str()), (wanted.ticket, wanted.visit.to_string().as_str()));
    assert_eq!((offer.card.ticket_type.as_str(), offer.card.priority), ("pool", 3));
    let (lat, lon) = (offer.card.lat.unwrap(), offer.card.lon.unwrap());
    assert!((lat - 40.70).abs() < 0.05 && (lon + 73.95).abs() < 0.05, "about where it is");
    assert!(!format!("{:?}", offer.card).contains("does not work"), "no words of anybody");
    assert!(phone.tickets().next().is_none(), "the document is not hers to see");

    let hours_ago = DeviceTime(area.app.clock().now_ms() - 3 * 3_600_000);
    let wish = phone.offline().at(hours_ago).take(wanted.ticket);
    assert_eq!(phone.take(wanted.ticket), wish, "she wants it once");
    let mut phone = phone.restart();
    assert_eq!(phone.took(wish), Some(TakeState::Waiting), "it survives the app");
    phone.online().await;
    assert_eq!(phone.took(wish), Some(TakeState::Granted));
    area.up_to_date(&mut phone).await;
    assert!(phone.ticket_of(wanted.visit).is_some() && !phone.is_offered(wanted.ticket));
    let holders = area.holders(wanted).await;
    assert_eq!((holders.len(), holders[0].0, holders[0].1.is_some()), (1, ana.user.0, true), "with a time in her day");

    let assignment = area.assignment(wanted).await;
    let why = area.dora.get(&format!("/assignments/{assignment}/explanation")).await.expect(200).json();
    assert_eq!((&why["mode"], &why["engineer_id"]), (&json!("pool"), &json!(ana.user.0)));
    phone.dismiss(wish);
    assert_eq!(phone.takes(), []);
}

#[tokio::test]
async fn of_two_who_want_the_same_one_gets_it_and_the_other_is_told() {
    let area = Area::new().await;
    let mut phones = Vec::new();
    for name in ["ana", "ben"] {
        phones.push(area.engineer(name, (0.0, 0.0), no_skills()).await.phone().await);
    }
    let wanted = area.pooled().await;
    for phone in &mut phones {
        phone.online().await;
    }
    let wishes: Vec<_> = phones.iter_mut().map(|phone| phone.offline().take(wanted.ticket)).collect();
    for phone in &mut phones {
        area.up_to_date(phone).await;
    }
    assert_eq!(phones[0].took(wishes[0]), Some(TakeState::Granted));
    assert!(refused("taken", &phones[1], wishes[1]), "{:?}", phones[1].takes());
    assert!(!phones[1].is_offered(wanted.ticket) && phones[1].ticket_of(wanted.visit).is_none());
    assert_eq!(area.holders(wanted).await.len(), 1);
}

#[tokio::test]
async fn many_phones_at_two_servers_at_once_and_each_ticket_goes_to_one() {
    let area = Area::new().await;
    let other = area.app.another_process().await;
    let mut wanted = Vec::new();
    for _ in 0..3 {
        wanted.push(area.pooled().await);
    }
    let mut phones = Vec::new();
    for n in 0..8 {
        let person = area.engineer(&format!("e{n}"), (0.1 * f64::from(n), 0.0), no_skills()).await;
        phones.push(person.phone().await);
    }
    area.app.relayed().await;
    for (n, phone) in phones.iter_mut().enumerate() {
        phone.online().await;
        for one in &wanted {
            phone.offline().take(one.ticket);
        }
        if n % 2 == 1 {
            phone.move_to(&other.url(""));
        }
    }
    futures_util::future::join_all(phones.iter_mut().map(|phone| async move {
        phone.online().await;
    }))
    .await;
    for one in &wanted {
        let holders = area.holders(*one).await;
        let [(holder, Some(_))] = holders[..] else { panic!("one holder: {holders:?}") };
        for phone in &phones {
            let take = phone.takes().into_iter().find(|take| take.ticket == one.ticket).expect("a wish");
            match take.state {
                TakeState::Granted => assert_eq!(phone.owner.user.0, holder, "granted to him who has it"),
                TakeState::Refused { code, .. } => {
                    assert!(code == "taken" && phone.owner.user.0 != holder, "{code}");
                }
                undecided => panic!("{undecided:?}"),
            }
        }
    }
    other.stop().await;
}

#[tokio::test]
async fn the_same_wish_has_the_same_answer_whatever_happens_in_between() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let wanted = area.pooled().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    let wish = phone.take(wanted.ticket);
    // The request arrives, and its answer does not; and once more.
    let (request, _) = phone.intercept();
    phone.post(request.clone()).await.expect("an answer that nobody hears");
    area.unassign(wanted).await;
    area.app.relayed().await;
    phone.post(request.clone()).await.expect("another");
    assert_eq!(area.holders(wanted).await, [], "it is not assigned a second time");
    // A copy of the phone asks, and the phone itself.
    let mut copy = phone.restored_from_backup(1);
    for phone in [&mut phone, &mut copy] {
        area.up_to_date(phone).await;
        assert_eq!(phone.took(wish), Some(TakeState::Granted), "that is what was decided");
        assert!(phone.is_offered(wanted.ticket), "and it is on offer again");
    }
    assert_eq!(area.holders(wanted).await, []);
    let again = phone.take(wanted.ticket);
    assert_ne!(again, wish);
    area.up_to_date(&mut phone).await;
    assert_eq!((phone.took(wish), phone.took(again)), (None, Some(TakeState::Granted)));
    assert_eq!(area.holders(wanted).await.len(), 1);
}

#[tokio::test]
async fn who_may_not_take_it_is_not_offered_it_and_refused_by_the_rule() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), skilled(&[("gas", 3)])).await;
    let ben = area.engineer("ben", (0.0, 0.0), skilled(&[("gas", 1)])).await;
    let cai = area.recruit("cai", None, skilled(&[("gas", 3)])).await;
    let idle = area.recruit("dee", Some((0.0, 0.0)), skilled(&[("gas", 3)])).await;
    let wanted = area.offered(|asked| asked.needing("gas", 2)).await;
    let entry = area.pool(&area.dora).await.pop().expect("an entry");
    assert_eq!((&entry["offered_to"], &entry["skills"]), (&json!(2), &json!({ "gas": 2 })));
    assert_eq!((&entry["duration_min"], &entry["starts_at"]), (&json!(60), &Value::Null));
    assert!(area.is_offered_to(wanted, &ana).await && area.is_offered_to(wanted, &idle).await);
    assert!(!area.is_offered_to(wanted, &ben).await && !area.is_offered_to(wanted, &cai).await);
    assert_eq!(area.pool(&ana).await[0]["offered_to"], Value::Null);

    let take = format!("/visits/{}/take", wanted.visit);
    for (who, code) in [(&ben, "skill"), (&cai, "no_home"), (&idle, "shift")] {
        let answer = who.post(&take, &json!({})).await;
        assert_eq!((answer.problem(409).as_str(), &answer.json()["code"]), ("not-granted", &json!(code)));
    }
    let taken = ana.post(&take, &json!({})).await.expect(201).json();
    assert_eq!(taken["visit_id"], json!(wanted.visit.0));
    assert!(time(&taken["starts_at"]) < time(&taken["ends_at"]));
    assert_eq!(ana.post(&take, &json!({})).await.expect(201).json(), taken, "hers already");
    assert_eq!(idle.post(&take, &json!({})).await.json()["code"], "taken");
    area.app.relayed().await;
    assert_eq!(area.pool(&area.dora).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_engineer_with_other_skills_is_offered_other_work() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let (plain, gas) = (area.pooled().await, area.offered(|asked| asked.needing("gas", 2)).await);
    let mut phone = ana.phone().await;
    phone.online().await;
    let seen = |phone: &mut Phone| (phone.is_offered(plain.ticket), phone.is_offered(gas.ticket));
    assert_eq!(seen(&mut phone), (true, false));

    let path = format!("/engineers/{}/skills", ana.user);
    area.dora.put(&path, 1, &json!({ "skills": skilled(&[("gas", 2)]) })).await.expect(200);
    area.up_to_date(&mut phone).await;
    assert_eq!(seen(&mut phone), (true, true));
    let wish = phone.offline().take(gas.ticket);
    area.dora.put(&path, 2, &json!({ "skills": [] })).await.expect(200);
    area.up_to_date(&mut phone).await;
    assert_eq!(seen(&mut phone), (true, false));
    assert!(refused("skill", &phone, wish), "{:?}", phone.takes());

    // Who has left is offered nothing, and hears that nothing is left.
    area.app.admin().await.post(&format!("/users/{}/disable", ana.user), &json!({})).await.expect(200);
    area.app.relayed().await;
    assert_eq!(
        area.pool(&area.dora).await.iter().map(|entry| entry["offered_to"].clone()).collect::<Vec<_>>(),
        [json!(0), json!(0)]
    );
}

#[tokio::test]
async fn what_changes_at_the_desk_changes_on_the_cards() {
    let area = Area::new().await;
    let mut phone = area.engineer("ana", (0.0, 0.0), no_skills()).await.phone().await;
    let (wanted, called_off) = (area.pooled().await, area.pooled().await);
    phone.online().await;
    assert_eq!(phone.offers().len(), 2);
    let edits = json!({ "edits": [{ "field": "priority", "seen": 3, "value": 1 }] });
    area.dora.patch(&format!("/tickets/{}", wanted.ticket), 1, &edits).await.expect_success();
    let wish = phone.offline().take(called_off.ticket);
    area.dora.post(&format!("/tickets/{}/cancel", called_off.ticket), &json!({ "reason": "x" })).await.expect_success();
    area.up_to_date(&mut phone).await;
    let offers = phone.offers();
    assert_eq!((offers.len(), offers[0].ticket, offers[0].card.priority), (1, wanted.ticket, 1));
    assert!(refused("cancelled", &phone, wish), "{:?}", phone.takes());
}

#[tokio::test]
async fn a_dispatcher_puts_in_and_takes_out_whatever_the_type_says() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let mut phone = ana.phone().await;
    let (manual, automatic) = (area.asked("manual").await, area.asked("automatic").await);
    let pooled = area.pooled().await;
    let path = |wanted: Wanted| format!("/visits/{}/pool", wanted.visit);
    assert_eq!(area.dora.post(&path(automatic), &json!({})).await.problem(409), "already-assigned");
    area.dora.post(&path(manual), &json!({})).await.expect(204);
    area.dora.post(&path(manual), &json!({})).await.expect(204);
    area.dora.delete(&path(pooled)).await.expect(204);
    area.up_to_date(&mut phone).await;
    assert_eq!((phone.is_offered(manual.ticket), phone.is_offered(pooled.ticket)), (true, false));

    let wish = phone.offline().take(manual.ticket);
    area.dora.delete(&path(manual)).await.expect(204);
    area.up_to_date(&mut phone).await;
    assert!(refused("not_in_pool", &phone, wish), "{:?}", phone.takes());
    assert_eq!(phone.offers(), []);
    area.dora.post(&path(pooled), &json!({})).await.expect(204);
    area.up_to_date(&mut phone).await;
    assert!(phone.is_offered(pooled.ticket));

    // The mode of the type, and of the tenant, decide where nobody has said anything by hand.
    let usual = json!({ "code": "usual", "name_en": "x", "name_zh": "x", "duration_min": 60, "priority": 3 });
    area.dora.post("/ticket-types", &usual).await.expect(201);
    let of_the_tenant = area.asked("usual").await;
    area.app.relayed().await;
    assert!(!area.is_offered_to(of_the_tenant, &ana).await);
    area.dora.put("/dispatch-settings", 0, &json!({ "mode": "pool" })).await.expect(200);
    area.app.relayed().await;
    assert!(area.is_offered_to(of_the_tenant, &ana).await);
    let mut replaced = usual;
    replaced.as_object_mut().unwrap().remove("code");
    replaced["dispatch_mode"] = json!("manual");
    area.dora.put("/ticket-types/usual", 1, &replaced).await.expect(200);
    area.app.relayed().await;
    assert!(!area.is_offered_to(of_the_tenant, &ana).await);
}

#[tokio::test]
async fn the_pool_is_nobody_elses() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let auditor = area.app.tenant().person("ada", Role::Auditor).await;
    let wanted = area.pooled().await;
    let globex = area.app.another_tenant("globex").await;
    let (sam, zoe) = (globex.dispatcher("sam").await, globex.engineer("zoe").await);
    let (pool, take) = (format!("/visits/{}/pool", wanted.visit), format!("/visits/{}/take", wanted.visit));
    for stranger in [&sam, &zoe] {
        assert_eq!(area.pool(stranger).await, Vec::<Value>::new());
        assert_eq!(stranger.post(&take, &json!({})).await.problem(404), "not-found");
    }
    assert_eq!(sam.post(&pool, &json!({})).await.problem(404), "not-found");
    assert_eq!(sam.delete(&pool).await.problem(404), "not-found");
    assert_eq!(area.pool(&auditor).await.len(), 1);
    for reader in [&auditor, &ana] {
        assert_eq!(reader.post(&pool, &json!({})).await.problem(403), "forbidden");
        assert_eq!(reader.delete(&pool).await.problem(403), "forbidden");
    }
    for desk in [&auditor, &area.dora] {
        assert_eq!(desk.post(&take, &json!({})).await.problem(403), "forbidden");
    }
    let warehouse = area.app.tenant().person("wes", Role::Customer).await;
    assert_eq!(warehouse.get("/pool").await.problem(403), "forbidden");
    assert_eq!(area.holders(wanted).await, []);
}
