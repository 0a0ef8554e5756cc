//! A PostgreSQL that somebody else runs, with passwords, as in production: migrated by its owner, served as `app`.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use callout_server::platform::postgres::{Durability, Embedded, EmbeddedOptions, LogIn};
use callout_server::tenancy::database;
use callout_tests::Answer;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

use crate::processes::{Server, callout, data_directory};

/// Nothing in it may reach the database as anything but itself.
const APP_PASSWORD: &str = r#"it's a "p@ss/word" \ $1 %L 密码'; drop table tenant"#;
const OWNER_PASSWORD: &str = "owner's own";

/// A cluster into which nobody gets without a password.
struct Cluster {
    embedded: Embedded,
    directory: tempfile::TempDir,
}

impl Cluster {
    /// With a role `boss` that has these attributes and owns the empty database `field`.
    async fn start(attributes: &str) -> Self {
        let directory = data_directory();
        let options = EmbeddedOptions {
            directory: directory.path().join("postgres"),
            durability: Durability::None,
            max_connections: 40,
        };
        let embedded = tokio::task::spawn_blocking(move || Embedded::start(&options)).await.expect("no panic");
        let cluster = Self { embedded: embedded.expect("a cluster"), directory };
        let mut superuser = cluster.without_password().await.expect("a connection");
        let password = OWNER_PASSWORD.replace('\'', "''");
        for statement in [
            format!("create role boss login {attributes} password '{password}'"),
            "create database field owner boss".to_owned(),
        ] {
            superuser.execute(AssertSqlSafe(statement)).await.expect("a statement");
        }
        let access = cluster.socket().join("cluster/pg_hba.conf");
        std::fs::write(access, "local all all scram-sha-256\n").expect("who may connect");
        superuser.execute("select pg_reload_conf()").await.expect("told");
        let begun = Instant::now();
        while cluster.without_password().await.is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it still lets everybody in");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cluster
    }

    fn socket(&self) -> std::path::PathBuf {
        self.directory.path().join("postgres")
    }

    async fn without_password(&self) -> Result<PgConnection, sqlx::Error> {
        self.embedded.connect_options(LogIn::Superuser, "postgres").connect().await
    }

    async fn app_may_log_in_with(&self, password: &str) -> bool {
        let options: PgConnectOptions = self.embedded.connect_options(LogIn::App, "field").password(password);
        match options.connect().await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        }
    }

    fn url(&self, role: &str) -> String {
        format!("postgres:///field?host={}&user={role}", self.socket().display())
    }

    fn migrate(&self, owner_password: &str, app_password: &str) -> Output {
        let mut command = callout(self.directory.path());
        command.arg("migrate").env("DATABASE_OWNER_URL", self.url("boss")).env("PGPASSWORD", owner_password);
        command.env("CALLOUT_APP_PASSWORD", app_password).output().expect("it ran")
    }

    fn serve(&self, data: &Path, role: &str, password: &str) -> Command {
        let mut command = callout(data);
        command.arg("serve").env("DATABASE_URL", self.url(role)).env("PGPASSWORD", password);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn is_migrated_and_served(cluster: Cluster) {
    let data = data_directory();
    let refused = |role: &str, password: &str| {
        let output = cluster.serve(data.path(), role, password).output().expect("it ran");
        assert!(!output.status.success() && !said(&output).contains(password), "{}", said(&output));
        said(&output)
    };

    let wrong = cluster.migrate("guessed", APP_PASSWORD);
    assert!(!wrong.status.success() && said(&wrong).contains("DATABASE_OWNER_URL"), "{}", said(&wrong));
    let empty = cluster.migrate(OWNER_PASSWORD, "");
    assert!(!empty.status.success() && said(&empty).contains("CALLOUT_APP_PASSWORD is empty"), "{}", said(&empty));
    let migrated = cluster.migrate(OWNER_PASSWORD, APP_PASSWORD);
    let expected = format!("{} migrations applied\n", database::migrations().iter().count());
    assert!(migrated.status.success() && said(&migrated) == expected, "{}", said(&migrated));

    let told = refused("app", "guessed");
    assert!(told.contains("DATABASE_URL") && told.contains(r#"authentication failed for user "app""#), "{told}");
    let told = refused("boss", OWNER_PASSWORD);
    assert!(told.contains("DATABASE_URL logs in as boss") && told.contains("CALLOUT_APP_PASSWORD"), "{told}");

    let server = Server::of(&mut cluster.serve(data.path(), "app", APP_PASSWORD));
    Answer::of(reqwest::Client::new().get(format!("{}/readyz", server.base))).await.expect(200);
    server.signal("TERM");
    assert!(server.wait().success());

    assert_eq!(said(&cluster.migrate(OWNER_PASSWORD, "another")), "0 migrations applied\n");
    assert!(cluster.app_may_log_in_with("another").await && !cluster.app_may_log_in_with(APP_PASSWORD).await);
    let embedded = cluster.embedded;
    tokio::task::spawn_blocking(move || embedded.stop()).await.expect("no panic").expect("it stops");
}

/// As in compose.yaml, where the image of PostgreSQL makes the owner a superuser.
#[tokio::test]
async fn with_a_superuser_for_owner() {
    is_migrated_and_served(Cluster::start("superuser").await).await;
}

/// As where the database is hired, and nobody is given a superuser.
#[tokio::test]
async fn with_an_owner_who_may_only_make_roles() {
    is_migrated_and_served(Cluster::start("createrole nosuperuser nobypassrls").await).await;
}
