//! F27: a migration that fails half-way is carried on by the next try; a server of the release before runs on the schema of
//! the next, while it is being rolled out.

use std::process::{Command, Stdio};

use callout_server::platform::postgres::{Durability, LogIn};
use callout_server::tenancy::database;
use callout_tests::fleet::{Cluster, Fleet};
use callout_tests::proxy::{PostgresProxy, Side};
use callout_tests::{TestApp, serve};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use tokio::process::Command as AsyncCommand;

use crate::offline::scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f27_a_migration_killed_at_any_statement_is_carried_on_by_the_next() {
    let cluster = Cluster::start("migrated", Durability::None).await;
    let whole = schema(&mut cluster.superuser().await).await;
    let proxy = PostgresProxy::to(&cluster.socket_directory());
    let program = serve::program().unwrap();
    let mut killed = 0;
    for (number, statement) in (1..).step_by(13).enumerate() {
        let name = format!("half_{statement}");
        let create = format!("create database {name} owner {}", LogIn::Owner.role());
        cluster.superuser().await.execute(AssertSqlSafe(create)).await.unwrap();
        let url = |directory: &std::path::Path| {
            format!("postgres:///{name}?host={}&user={}", directory.display(), LogIn::Owner.role())
        };
        proxy.close_at(statement, if number % 2 == 0 { Side::Before } else { Side::After });
        let mut migrating = AsyncCommand::new(&program);
        migrating.arg("migrate").env("DATABASE_OWNER_URL", url(proxy.directory())).stdout(Stdio::null());
        let mut migrating = migrating.kill_on_drop(true).spawn().unwrap();
        let is_through = tokio::select! {
            ended = migrating.wait() => { assert!(ended.unwrap().success()); true }
            () = proxy.closed() => false,
        };
        migrating.kill().await.ok();
        proxy.open();
        if !is_through {
            killed += 1;
            let again = Command::new(&program)
                .arg("migrate")
                .env("DATABASE_OWNER_URL", url(&cluster.socket_directory()))
                .output();
            let again = again.unwrap();
            assert!(again.status.success(), "{statement}: {}", String::from_utf8_lossy(&again.stderr));
        }
        let options = cluster.connect_options(LogIn::Superuser, &name);
        let mut half = options.connect().await.unwrap();
        assert_eq!(schema(&mut half).await, whole, "killed at statement {statement}");
        half.close().await.unwrap();
        if is_through {
            break;
        }
    }
    assert!(killed >= 3, "migrating has more statements than that: {killed}");
}

/// Every column, constraint and index there is, and the migrations that count as done.
async fn schema(database: &mut PgConnection) -> Vec<String> {
    let query = "
        select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
            from information_schema.columns where table_schema = 'public'
        union all
        select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
            where connamespace = 'public'::regnamespace
        union all
        select 'index ' || indexdef from pg_indexes where schemaname = 'public'
        union all
        select 'policy ' || tablename || ' ' || policyname from pg_policies
        union all
        select 'function ' || proname from pg_proc where pronamespace = 'public'::regnamespace
        union all
        select 'migration ' || version || ' ' || success from _sqlx_migrations
        order by 1";
    sqlx::query_scalar(query).fetch_all(database).await.expect("the schema")
}

/// What the next release may do while this one runs: add tables, columns, indexes, and say that it has.
async fn expand(database: &mut PgConnection) {
    let tables = "select relname::text from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> '_sqlx_migrations'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *database).await.expect("the tables");
    assert!(tables.len() > 20);
    for table in tables {
        let add = format!(
            "alter table {table} add column added_later text,
                add column counted_later bigint not null default 7"
        );
        database.execute(AssertSqlSafe(add)).await.expect("a column");
    }
    let next = "
        create table of_the_next_release (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
        alter table of_the_next_release enable row level security, force row level security;
        insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (29991231000000, 'of the next release', true, decode('00', 'hex'), 1)";
    sqlx::raw_sql(next).execute(database).await.expect("a table");
}

#[tokio::test]
async fn f27_a_server_that_runs_goes_on_while_the_schema_of_the_next_release_comes_under_it() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = scene(&app).await;
    phone.accept(visit.id);
    phone.photograph(visit.id, b"a photo");
    phone.online().await;
    expand(&mut app.database().superuser().await).await;

    phone.depart(visit.id);
    phone.check_in(visit.id);
    phone.photograph(visit.id, b"another");
    phone.online().await;
    desk.edit(visit, "title", json!("No heat"), json!("Still running")).await;
    let second = desk.new_visit().assigned_to(&ana).save().await;
    app.relayed().await;
    phone.online().await;
    assert!(phone.ticket_of(second.id).is_some());
    assert!(phone.tickets().any(|ticket| ticket.title == "Still running"));
    assert_eq!(desk.ticket(visit).await["status"], "on_site");
    // And so does one that is started now.
    let other = app.another_process().await;
    desk.at(&other).get("/tickets").await.expect(200);
    let fresh = app.another_tenant("later").await;
    fresh.dispatcher("tom").await.get("/tickets").await.expect(200);
    app.expect_nothing_lost(&[&phone]).await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f27_the_program_starts_on_a_newer_schema_and_migrates_nothing_back() {
    let mut fleet = Fleet::start("newer", 1, Durability::None).await;
    expand(&mut fleet.cluster.superuser().await).await;
    fleet.kill(&[0]).await;
    fleet.revive().await;
    let program = serve::program().unwrap();
    let again = Command::new(&program).arg("migrate").env("DATABASE_OWNER_URL", fleet.cluster.owner_url()).output();
    let again = again.unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(String::from_utf8_lossy(&again.stdout), "0 migrations applied\n");
    let mut database = fleet.cluster.superuser().await;
    let known = i64::try_from(database::migrations().iter().count()).unwrap();
    let count: i64 =
        sqlx::query_scalar("select count(*) from _sqlx_migrations").fetch_one(&mut database).await.unwrap();
    assert_eq!(count, known + 1);
}
