//! No write is acknowledged and then lost, whoever hangs up and when.
//!
//! sqlx 0.9.0 loses them if it is used plainly: dropping `pool.begin()` after its statement has been sent leaves the
//! connection inside a transaction that nobody knows of. [`plain_sqlx_loses_a_write`] shows that, step by step and so
//! every time; the other tests are what we do instead.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use callout_server::platform::postgres::LogIn;
use callout_server::tenancy::TenantTx;
use callout_tests::{TestApp, unhex};
use futures_util::future::poll_fn;
use sha2::{Digest, Sha256};
use sqlx::Executor;
use sqlx::postgres::PgPoolOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Polls a future so many times, letting everything else run in between, and drops it unfinished.
async fn hang_up_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    None
}

/// The control. When this test fails, sqlx has been mended, and the nets of the unit of work can be looked at again.
#[tokio::test]
async fn plain_sqlx_loses_a_write() {
    let app = TestApp::start().await;
    let options = app.database().connect_options(LogIn::Superuser);
    let plain = PgPoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(options);
    let plain = plain.await.expect("a plain pool");
    plain.execute("create table note (n int primary key)").await.expect("a table");
    while plain.num_idle() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut other = app.database().superuser().await;
    // One poll sends the statement and no more, unless the machine is busy elsewhere and the answer is there at once.
    for n in 0..500 {
        if hang_up_after(1, plain.begin()).await.is_some() {
            continue;
        }
        sqlx::query("insert into note values ($1)").bind(n).execute(&plain).await.expect("acknowledged");
        let kept = sqlx::query_scalar("select count(*) from note where n = $1").bind(n);
        let kept: i64 = kept.fetch_one(&mut other).await.expect("a count");
        if kept == 0 {
            return;
        }
    }
    panic!("sqlx no longer loses writes");
}

#[tokio::test]
async fn a_unit_of_work_ends_whenever_its_caller_hangs_up() {
    let app = TestApp::start_with(|config| config.database_connections = 2).await;
    let ctx = app.tenant().system();
    let admin = app.admin().await.user;
    let note = |n: u8| {
        let ctx = ctx.clone();
        async move {
            ctx.transact(async move |tx: &mut TenantTx| {
                sqlx::query("insert into device_challenge (tenant_id, nonce_sha256, user_id, expires_at) values ($1, $2, $3, now())")
                    .bind(tx.tenant().0)
                    .bind(&[n][..])
                    .bind(admin.0)
                    .execute(&mut **tx)
                    .await
            })
            .await
        }
    };
    for n in 0..60 {
        // At most ten polls are needed to finish; every point on the way is tried.
        let finished = hang_up_after(usize::from(n % 12), note(n)).await;
        if let Some(outcome) = finished {
            outcome.expect("a unit of work");
        }
        note(100 + n).await.expect("acknowledged");
    }
    // The units that were hung up on have ended too, once the pool is at rest.
    ctx.read(async |tx: &mut TenantTx| tx.execute("select 1").await.map(|_| ())).await.expect("at rest");
    let mut superuser = app.database().superuser().await;
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("select nonce_sha256 from device_challenge")
        .fetch_all(&mut superuser)
        .await
        .expect("the rows");
    for n in 0..60_u8 {
        assert!(kept.contains(&vec![100 + n]), "acknowledged and lost: {n}");
    }
    let open: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    )
    .fetch_one(&mut superuser)
    .await
    .expect("the connections");
    assert_eq!(open, 0, "a connection was given back inside a transaction");
}

/// Over HTTP: hundreds of clients on a small pool, half of which hang up at some moment of their request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_is_there_although_clients_hang_up() {
    let app = TestApp::start_with(|config| config.database_connections = 3).await;
    let ana = app.engineer("ana").await;
    let address = app.url("").trim_start_matches("http://").to_owned();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..400_u64 {
        let (address, token) = (address.clone(), ana.token.clone());
        clients.spawn(async move {
            let mut stream = TcpStream::connect(&address).await.ok()?;
            let request = format!(
                "POST /api/v1/devices/challenge HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\
                 content-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.ok()?;
            if client % 2 == 0 {
                // A different moment for each, spread over the time that a request takes.
                tokio::time::sleep(Duration::from_micros(client * 7919 % 8000)).await;
                return None;
            }
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok()?;
            let answer = String::from_utf8(answer).ok()?;
            let body =
                answer.starts_with("HTTP/1.1 201").then(|| answer.split("\r\n\r\n").nth(1).map(str::to_owned))??;
            let body: serde_json::Value = serde_json::from_str(&body).ok()?;
            Some(unhex(body["challenge"].as_str()?))
        });
    }
    let acknowledged: Vec<Vec<u8>> = clients.join_all().await.into_iter().flatten().collect();
    assert!(acknowledged.len() > 100, "only {} of 200 were answered", acknowledged.len());
    let mut superuser = app.database().superuser().await;
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("select nonce_sha256 from device_challenge")
        .fetch_all(&mut superuser)
        .await
        .expect("the rows");
    let lost = acknowledged.iter().filter(|nonce| !kept.contains(&Sha256::digest(nonce).to_vec())).count();
    assert_eq!(lost, 0, "of {} acknowledged writes", acknowledged.len());
}

#[tokio::test]
async fn an_error_or_a_panic_leaves_nothing_behind() {
    let app = TestApp::start_with(|config| config.database_connections = 1).await;
    let ctx = app.tenant().system();
    let failed: Result<(), sqlx::Error> = ctx
        .transact(async |tx: &mut TenantTx| {
            tx.execute("update tenant set name = 'changed'").await.expect_err("app may not");
            Err(sqlx::Error::RowNotFound)
        })
        .await;
    assert!(matches!(failed, Err(sqlx::Error::RowNotFound)));
    let panicking = ctx.clone();
    let panicked = tokio::spawn(async move {
        panicking.transact(async |_: &mut TenantTx| -> Result<(), sqlx::Error> { panic!("in the middle") }).await
    });
    assert!(panicked.await.is_err_and(|error| error.is_panic()));
    let alone: i32 = ctx
        .read(async |tx: &mut TenantTx| sqlx::query_scalar("select 1").fetch_one(&mut **tx).await)
        .await
        .expect("the one connection works");
    assert_eq!(alone, 1);
}

#[tokio::test]
async fn work_that_overlooks_a_failed_statement_is_not_acknowledged() {
    let app = TestApp::start().await;
    let ctx = app.tenant().system();
    let overlooked: Result<(), sqlx::Error> = ctx
        .transact(async |tx: &mut TenantTx| {
            tx.execute("update app_user set name = 'changed'").await?;
            let _ = tx.execute("select 1 / 0").await;
            Ok(())
        })
        .await;
    assert!(overlooked.is_err(), "PostgreSQL rolled it back");
    let mut superuser = app.database().superuser().await;
    let name: String = sqlx::query_scalar("select name from app_user").fetch_one(&mut superuser).await.expect("a name");
    assert_eq!(name, "Admin");
}

#[tokio::test]
async fn a_read_cannot_write_and_savepoints_work_inside_a_unit() {
    let app = TestApp::start().await;
    let ctx = app.tenant().system();
    let written: Result<_, sqlx::Error> =
        ctx.read(async |tx: &mut TenantTx| tx.execute("delete from idempotency_key").await).await;
    assert!(written.is_err());
    let count: i64 = ctx
        .transact(async |tx: &mut TenantTx| {
            use sqlx::Acquire;
            let mut savepoint = tx.begin().await?;
            let failed = savepoint.execute("select 1 / 0").await;
            assert!(failed.is_err());
            savepoint.rollback().await?;
            sqlx::query_scalar("select count(*) from app_user").fetch_one(&mut **tx).await
        })
        .await
        .expect("the transaction goes on");
    assert_eq!(count, 1);
}
