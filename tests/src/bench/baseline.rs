//! What the database alone can do here: an insert and an update in one durable transaction, with no HTTP and no checks.

use std::time::{Duration, Instant};

use callout_server::platform::postgres::{DATABASE, LogIn};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use sqlx::Executor;
use sqlx::postgres::PgPoolOptions;

use crate::serve::Server;

/// As many connections as the server opens by default.
const CONNECTIONS: u32 = 16;

/// What it came to.
#[derive(Debug, Clone)]
pub struct Plain {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Runs them from so many tasks for so long.
pub async fn plain_transactions(server: &Server, tasks: usize, for_long: Duration) -> anyhow::Result<Plain> {
    let options = server.embedded()?.connect_options(LogIn::Superuser, DATABASE);
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
    pool.execute(
        "create table if not exists bench_row (id bigint generated always as identity primary key, body text)",
    )
    .await?;
    pool.execute("create table if not exists bench_count (id bigint primary key, n bigint not null)").await?;
    for task in 0..i64::try_from(tasks)? {
        sqlx::query("insert into bench_count values ($1, 0) on conflict do nothing").bind(task).execute(&pool).await?;
    }
    let begun = Instant::now();
    let work = (0..i64::try_from(tasks)?).map(|task| {
        let pool = pool.clone();
        async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < for_long {
                let sent = Instant::now();
                let mut tx = pool.begin().await?;
                sqlx::query("insert into bench_row (body) values ($1)")
                    .bind("a row of some size")
                    .execute(&mut *tx)
                    .await?;
                sqlx::query("update bench_count set n = n + 1 where id = $1").bind(task).execute(&mut *tx).await?;
                tx.commit().await?;
                latencies.push(sent.elapsed());
            }
            Ok::<_, sqlx::Error>(latencies)
        }
    });
    let mut latencies = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    for latency in try_join_all(work).await?.into_iter().flatten() {
        latencies.record(u64::try_from(latency.as_micros())?.max(1))?;
    }
    let took = begun.elapsed();
    pool.execute("drop table bench_row").await?;
    pool.execute("drop table bench_count").await?;
    pool.close().await;
    Ok(Plain {
        per_second: latencies.len() as f64 / took.as_secs_f64(),
        p50: Duration::from_micros(latencies.value_at_quantile(0.5)),
        p99: Duration::from_micros(latencies.value_at_quantile(0.99)),
    })
}
