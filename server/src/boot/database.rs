//! The database the server runs on: a given one, or an embedded one in the data directory.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use crate::platform::config::Config;
use crate::platform::postgres::{DATABASE, Durability, Embedded, EmbeddedOptions, LogIn};
use crate::tenancy::{Tenancy, database};

/// The open database; the same from here on, whichever it is.
#[derive(Debug)]
pub struct Database {
    pub tenancy: Tenancy,
    embedded: Option<Arc<Embedded>>,
}

impl Database {
    /// Opens the database with its schema up to date.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let Some(url) = &config.database_url else { return Self::open_embedded(config).await };
        if let Some(owner) = &config.database_owner_url {
            migrate(owner, None).await?;
        }
        let app = PgConnectOptions::from_str(url).context("DATABASE_URL")?;
        let tenancy = connect(app, config).await.context("cannot open the database of DATABASE_URL")?;
        if let Some(role) = tenancy.unbound_role().await? {
            bail!(
                "DATABASE_URL logs in as {role}, which owns the tables or is a superuser, so that nothing would keep \
                 tenants apart; let it log in as app (`callout migrate` sets app's password from CALLOUT_APP_PASSWORD)"
            );
        }
        if !tenancy.is_migrated().await? {
            bail!(
                "the schema of the database is not up to date: run `callout migrate` with DATABASE_OWNER_URL, or set \
                 DATABASE_OWNER_URL for this command too"
            );
        }
        Ok(Self { tenancy, embedded: None })
    }

    async fn open_embedded(config: &Config) -> anyhow::Result<Self> {
        let directory = config.data_dir.join("postgres");
        // Several processes may share it.
        let max_connections = config.database_connections * 3 + 10;
        let options = EmbeddedOptions { directory, durability: Durability::Full, max_connections };
        let embedded = tokio::task::spawn_blocking(move || Embedded::start(&options)).await??;
        prepare_roles(&embedded, DATABASE).await.context("cannot prepare the embedded database")?;
        let applied = database::migrate(&embedded.connect_options(LogIn::Owner, DATABASE)).await?;
        tracing::info!(migrations = applied, "embedded database is ready");
        let tenancy = connect(embedded.connect_options(LogIn::App, DATABASE), config).await?;
        Ok(Self { tenancy, embedded: Some(Arc::new(embedded)) })
    }

    /// Closes the pool and stops an embedded server.
    pub async fn close(self) -> anyhow::Result<()> {
        self.tenancy.close().await;
        if let Some(embedded) = self.embedded {
            tokio::task::spawn_blocking(move || embedded.stop()).await??;
        }
        Ok(())
    }
}

/// Migrates the database of this URL, which logs in as the owner of the tables, and gives the role `app` its password.
/// Returns how many migrations were applied.
pub async fn migrate(owner_url: &str, app_password: Option<&str>) -> anyhow::Result<usize> {
    anyhow::ensure!(app_password != Some(""), "CALLOUT_APP_PASSWORD is empty");
    let owner = PgConnectOptions::from_str(owner_url).context("DATABASE_OWNER_URL")?;
    let applied = database::migrate(&owner).await.context("cannot migrate the database of DATABASE_OWNER_URL")?;
    if let Some(password) = app_password {
        database::set_app_password(&owner, password).await.context("cannot set the password of the role app")?;
    }
    Ok(applied)
}

async fn connect(app: PgConnectOptions, config: &Config) -> Result<Tenancy, sqlx::Error> {
    Tenancy::connect(app, config.database_connections).await
}

/// Makes the owner's role and the database if they are missing. Two processes may do so at once.
pub async fn prepare_roles(embedded: &Embedded, name: &str) -> Result<(), sqlx::Error> {
    let mut connection = embedded.connect_options(LogIn::Superuser, "postgres").connect().await?;
    connection.execute("select pg_advisory_lock(4216)").await?;
    connection
        .execute(
            "do $$ begin
               if not exists (select from pg_roles where rolname = 'callout_owner') then
                 create role callout_owner login createrole nosuperuser nobypassrls;
               end if;
             end $$",
        )
        .await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&mut connection)
        .await?;
    if !exists {
        connection.execute(AssertSqlSafe(format!("create database \"{name}\" owner callout_owner"))).await?;
    }
    connection.close().await
}
