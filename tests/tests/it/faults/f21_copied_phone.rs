//! F21: a phone restored from a backup, or cloned: nothing is used twice, nothing is wedged, and both may live.

use callout_tests::TestApp;

use crate::offline::{kinds, scene};

#[tokio::test]
async fn f21_a_restored_backup_and_the_phone_it_was_made_from_both_live_on() {
    let app = TestApp::start().await;
    let (desk, _ana, mut first, visit) = scene(&app).await;
    first.offline().accept(visit.id);
    first.note(visit.id, "before the backup");
    let mut second = first.restored_from_backup(2);

    // Both hold the same unsent work, and both go on from there.
    first.depart(visit.id);
    first.note(visit.id, "the first went on");
    second.offline().note(visit.id, "so did the second");
    first.online().await;
    second.online().await;
    first.note(visit.id, "and on");
    second.note(visit.id, "and on and on");
    second.online().await;
    first.online().await;
    app.settle().await;
    first.online().await;
    second.online().await;

    let ticket = desk.ticket(visit).await;
    let notes = kinds(&ticket).iter().filter(|kind| **kind == "note").count();
    assert_eq!(notes, 5, "each note once: {:?}", kinds(&ticket));
    assert_eq!(kinds(&ticket).iter().filter(|kind| **kind == "accept").count(), 1);
    for phone in [&first, &second] {
        assert_eq!(phone.status().unsent, 0);
        assert!(phone.drafts().is_empty(), "{:?}", phone.drafts());
    }
    let heads = |phone: &mut callout_tests::Phone| phone.look(visit.ticket, |sight| sight.ticket.doc.heads());
    assert_eq!(heads(&mut first), heads(&mut second), "both see the same");
    app.expect_nothing_lost(&[&first, &second]).await;

    // A phone that is killed and started again is one more session on the same store.
    let mut again = second.restart();
    again.offline().note(visit.id, "after a restart");
    again.online().await;
    app.expect_nothing_lost(&[&first, &again]).await;
}

#[tokio::test]
async fn f21_three_copies_of_a_phone_that_push_in_turns_never_use_a_number_twice() {
    let app = TestApp::start().await;
    let (desk, _ana, mut first, visit) = scene(&app).await;
    first.offline().note(visit.id, "before the backups");
    // Its request is on the way when the backups are made.
    let (request, _) = first.intercept();
    let mut phones = vec![first.restored_from_backup(2), first.restored_from_backup(3), first];
    phones[2].post(request).await.unwrap();
    for round in 0..4 {
        for (number, phone) in phones.iter_mut().enumerate() {
            phone.offline().note(visit.id, &format!("{number} in round {round}"));
            phone.online().await;
        }
    }
    app.settle().await;
    for phone in &mut phones {
        phone.online().await;
        assert_eq!((phone.status().unsent, phone.drafts().len()), (0, 0));
        let facts = phone.look(visit.ticket, |sight| sight.ticket.doc.facts().count());
        assert_eq!(facts, 1 + 1 + 3 * 4, "the assignment, the first note, and each note once");
    }
    assert_eq!(desk.quarantine().await.len(), 0);
    let mut database = app.database().superuser().await;
    let twice =
        "select count(*) from (select from ticket_change group by ticket_id, actor, seq having count(*) > 1) as twice";
    let twice: i64 = sqlx::query_scalar(twice).fetch_one(&mut database).await.unwrap();
    assert_eq!(twice, 0);
    app.expect_nothing_lost(&phones.iter().collect::<Vec<_>>()).await;
}
