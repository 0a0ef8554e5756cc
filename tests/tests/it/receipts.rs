//! Receipts: the server's word for what it had, which a phone keeps and anybody can check.

use callout_server::evidence::receipts::verify_receipts;
use callout_tests::phone::Exchanged;
use callout_tests::{Phone, TestApp, Visit};
use sqlx::Row;
use sync_core::document::FactBody;
use sync_core::ids::{Sha256Hash, TicketId};
use sync_core::replica::ReplyFault;
use sync_core::wire::{Batch, BatchHeader, Receipt, ReceiptFile, Receipts, SyncReply};

use crate::offline::scene;

/// What the phone can show for a ticket, each with the header of its batch.
fn kept(phone: &mut Phone, visit: Visit) -> Vec<(Receipt, BatchHeader)> {
    let file = ReceiptFile::decode(&phone.receipts(visit.ticket)).expect("a file of receipts");
    let read = |entry: &sync_core::wire::ReceiptEntry| {
        let batch = Batch::decode(&entry.batch).and_then(|batch| batch.claims()).expect("a batch");
        (Receipt::from_bytes(&entry.receipt.statement).expect("a receipt"), batch)
    };
    file.entries.iter().map(read).collect()
}

async fn links(app: &TestApp, ticket: TicketId) -> Vec<Sha256Hash> {
    let mut database = app.database().superuser().await;
    let rows = sqlx::query("select chain_hash from ticket_change where ticket_id = $1 order by version").bind(ticket.0);
    let rows = rows.fetch_all(&mut database).await.expect("the chain");
    rows.iter().map(|row| Sha256Hash::from_slice(row.get("chain_hash")).expect("a link")).collect()
}

#[tokio::test]
async fn a_phone_proves_what_the_server_had_although_the_server_has_it_no_more() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    phone.accept(visit.id);
    phone.depart(visit.id);
    phone.online().await;
    phone.note(visit.id, "the valve was open when I came");
    phone.forge(visit.id, FactBody::Cancel { reason: "not-hers-to-say".into() });
    phone.note(visit.id, "made again after the refusal");
    phone.online().await;

    let receipts = kept(&mut phone, visit);
    let admitted: u32 = receipts.iter().map(|(said, _)| said.admitted).sum();
    assert_eq!((receipts.len(), admitted), (3, 4), "{receipts:#?}");
    let links = links(&app, visit.ticket).await;
    for (said, header) in &receipts {
        let position = said.position.expect("a place in the chain");
        assert_eq!(links[usize::try_from(position.version).unwrap() - 1], position.link);
        assert_eq!((said.device, said.server_epoch), (phone.device.id, phone.device.server_epoch));
        assert!(said.admitted as usize <= header.change_hashes.len());
    }
    assert!(receipts.iter().any(|(said, header)| (said.admitted as usize) < header.change_hashes.len()));

    // Somebody rewrites the server's past, and denies.
    let key = app.state().signer.public_key();
    let mut database = app.database().superuser().await;
    for table in ["ticket_change", "batch", "fact", "quarantine"] {
        let gone = sqlx::AssertSqlSafe(format!("delete from {table} where ticket_id = $1"));
        sqlx::query(gone).bind(visit.ticket.0).execute(&mut database).await.expect("gone");
    }
    drop((desk, app));
    let file = phone.receipts(visit.ticket);
    for known in [Some(key), None] {
        let report = verify_receipts(&file, known).expect("a file of receipts");
        assert!(report.holds() && report.checks.iter().all(|check| check.count == 3), "{report}");
        assert!(report.said.iter().any(|said| said.contains("2 of 2 changes admitted")), "{report}");
        assert!(report.said.iter().any(|said| said.contains("note ")), "{report}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let (path, hex) = (directory.path().join("receipts"), callout_tests::hex(&key.to_bytes()));
    let verify = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("a file");
        crate::evidence::run_verify(&path, &["--server-key", &hex])
    };
    let (code, said, _) = verify(&file);
    assert!(code == Some(0) && said.ends_with("It holds.\n"), "{said}");
    let mut forged = file.clone();
    *forged.last_mut().expect("bytes") ^= 1;
    let (code, said, _) = verify(&forged);
    assert!(code == Some(1) && said.contains("FAILED the device signed each batch"), "{said}");
    assert_eq!(verify(&file[..40]).0, Some(2));
    let stranger = sync_core::wire::ServerSigner::from_secret(&[9; 32]).public_key();
    assert!(!verify_receipts(&file, Some(stranger)).expect("a file").holds());
    for at in 4..file.len() {
        let mut forged = file.clone();
        forged[at] ^= 1;
        assert!(!verify_receipts(&forged, Some(key)).is_ok_and(|report| report.holds()), "byte {at}");
    }
    for cut in 0..file.len() {
        // A file that ends after a whole receipt holds fewer of them.
        let report = verify_receipts(&file[..cut], Some(key));
        assert!(!report.is_ok_and(|report| report.holds() && report.checks[0].count >= 3), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_receipt_that_is_not_the_servers_word_makes_the_reply_nobodys() {
    let app = TestApp::start().await;
    let (_desk, _ana, mut phone, visit) = scene(&app).await;
    let signer = app.state().signer.clone();
    phone.note(visit.id, "one");
    phone.note(visit.id, "two");
    let receipts_of = |reply: &SyncReply| reply.receipts.open(&[signer.public_key()]).expect("the server's own");
    type Alter<'a> = &'a dyn Fn(&mut SyncReply);
    let resigned = |reply: &mut SyncReply, change: &dyn Fn(&mut Receipt)| {
        let mut said: Vec<Receipt> = receipts_of(reply).into_iter().map(|(said, _)| said).collect();
        said.iter_mut().for_each(change);
        reply.receipts = Receipts::give(said.into_iter(), &signer);
    };
    let bad: [(&str, Alter<'_>); 8] = [
        ("one bit of a statement is another", &|reply| reply.receipts.statements[0][20] ^= 1),
        ("the signature is missing", &|reply| reply.receipts.signature.clear()),
        ("a statement is added", &|reply| reply.receipts.statements.push(vec![1])),
        ("signed by somebody else", &|reply| {
            let other = sync_core::wire::ServerSigner::from_secret(&[9; 32]);
            reply.receipts = Receipts::give(receipts_of(reply).into_iter().map(|(said, _)| said), &other);
        }),
        ("for another batch", &|reply| resigned(reply, &|said| said.batch = Sha256Hash([1; 32]))),
        ("other verdicts", &|reply| resigned(reply, &|said| said.verdicts = Sha256Hash([1; 32]))),
        ("less than was acknowledged", &|reply| resigned(reply, &|said| said.admitted -= 1)),
        ("of another ticket", &|reply| resigned(reply, &|said| said.ticket = TicketId(uuid::Uuid::from_u128(7)))),
    ];
    for (what, alter) in bad {
        let ended = phone.exchange_altered(&signer, |reply| alter(reply)).await;
        assert!(matches!(ended, Exchanged::Fault(ReplyFault::NotTheAnswer(_))), "{what}: {ended:?}");
        assert_eq!((phone.status().unsent, kept(&mut phone, visit).len()), (2, 0), "{what}");
    }
    // A server that gives none, as one of an earlier version.
    let ended = phone.exchange_altered(&signer, |reply| reply.receipts = Receipts::default()).await;
    assert!(matches!(ended, Exchanged::Answered(_)), "{ended:?}");
    assert_eq!((phone.status().unsent, kept(&mut phone, visit).len()), (0, 0));
    phone.note(visit.id, "three");
    phone.online().await;
    assert_eq!(kept(&mut phone, visit).len(), 1);
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn nobody_gets_a_receipt_for_what_was_not_taken() {
    let app = TestApp::start().await;
    let (_desk, _ana, mut phone, visit) = scene(&app).await;
    phone.note(visit.id, "the truth");
    let (_, batches) = phone.intercept();
    let honest = Batch::decode(&batches[0]).unwrap();
    // Another header of the same number, which its device never signed, in front of the one that it did.
    let invented = BatchHeader { heads: vec![Sha256Hash([1; 32])], ..honest.claims().unwrap() };
    let forged = Batch::sign(&invented, honest.changes().to_vec(), &callout_tests::new_key()).unwrap().encode();
    for batches in [[forged.clone(), batches[0].clone()], [batches[0].clone(), forged]] {
        let request = phone.request_with(batches.to_vec());
        let body = phone.post(request.clone()).await.expect("an answer");
        let reply = phone.read_reply(&body, &request).expect("a signed reply");
        assert_eq!((reply.acks.len(), reply.refused_batches.len()), (1, 1));
        let given = reply.receipts.open(&[app.state().signer.public_key()]).expect("the server's own");
        assert_eq!(given.iter().map(|(said, _)| said.batch).collect::<Vec<_>>(), [honest.hash()]);
    }
    // Asked twice, answered twice, and the phone that missed the first answer has its receipt from the second.
    phone.online().await;
    assert_eq!(kept(&mut phone, visit).len(), 1);
    // A request that hands in nothing costs no signature and no byte.
    let request = phone.request_with(Vec::new());
    let body = phone.post(request.clone()).await.expect("an answer");
    assert_eq!(phone.read_reply(&body, &request).expect("a signed reply").receipts, Receipts::default());
}

#[tokio::test]
async fn the_word_of_the_server_before_a_restore_is_kept_beside_that_of_the_one_after() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let visit = desk.new_visit().assigned_to(&ana).save().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    let (app, backup) = app.back_up().await;
    phone.note(visit.id, "after the backup");
    phone.online().await;
    let before = kept(&mut phone, visit);
    assert_eq!(before.len(), 1);
    let app = app.restore(backup).await;
    phone.online().await;
    let after = kept(&mut phone, visit);
    assert_eq!(after.len(), 2, "{after:#?}");
    assert!(after.contains(&before[0]));
    assert_ne!(after[0].0.server_epoch, after[1].0.server_epoch);
    let report = verify_receipts(&phone.receipts(visit.ticket), Some(app.state().signer.public_key()));
    assert!(report.expect("a file").holds());
}
