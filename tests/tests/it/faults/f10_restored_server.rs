//! F10: a server restored from an old backup: many phones bring back what it has forgotten, each entry once. What comes
//! back of the office's own work is told in `restored.rs`.

use callout_tests::{Phone, TestApp, Visit};

const PHONES: usize = 24;

#[tokio::test]
async fn f10_two_dozen_phones_bring_back_all_that_a_restored_server_had_acknowledged_and_nothing_twice() {
    let app = TestApp::start().await;
    let desk = app.dispatcher("dora").await;
    let mut phones: Vec<(Phone, Vec<Visit>)> = Vec::new();
    for number in 0..PHONES {
        let ana = app.engineer(&format!("ana{number}")).await;
        let visits =
            vec![desk.new_visit().assigned_to(&ana).save().await, desk.new_visit().assigned_to(&ana).save().await];
        let mut phone = ana.phone().await;
        phone.online().await;
        phone.note(visits[0].id, "before the backup");
        phone.online().await;
        phones.push((phone, visits));
    }
    let (app, backup) = app.back_up().await;
    let mut said = PHONES;
    for (number, (phone, visits)) in phones.iter_mut().enumerate() {
        phone.work(visits[0].id);
        phone.photograph(visits[1].id, format!("photo {number}").as_bytes());
        phone.sign(visits[1].id, "Mrs Weber");
        said += 7;
        phone.online().await;
        // Some hold unsent work when it happens.
        if number % 3 == 0 {
            phone.offline().note(visits[1].id, "never sent");
            said += 1;
        }
    }
    let acknowledged: usize = phones.iter().map(|(phone, _)| phone.unsent_facts().len()).sum();
    assert_eq!(acknowledged, PHONES.div_ceil(3), "all but that was acknowledged by the server that is gone");

    let app = app.restore(backup).await;
    for (phone, _) in phones.iter_mut().rev() {
        phone.online().await;
    }
    app.relayed().await;
    for (phone, visits) in &mut phones {
        phone.online().await;
        assert_eq!((phone.status().unsent, phone.status().awaited_blobs, phone.drafts().len()), (0, 0, 0));
        assert_eq!(desk.ticket(visits[0]).await["status"], "done");
        let ticket = desk.ticket(visits[1]).await;
        assert!(ticket["evidence"].as_array().unwrap().iter().all(|one| one["is_stored"] == true), "{ticket}");
    }
    let phones: Vec<&Phone> = phones.iter().map(|(phone, _)| phone).collect();
    let verdict = app.expect_nothing_lost(&phones).await;
    assert_eq!((verdict.saved, verdict.admitted, verdict.quarantined), (said, said, 0));
    let mut database = app.database().superuser().await;
    let facts: i64 = sqlx::query_scalar("select count(*) from fact where device_id is not null")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(usize::try_from(facts).unwrap(), said, "each once");
}
