//! The connection pool and the schema. Nothing outside `tenancy` holds the pool.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgPool};
use sync_core::ids::{ServerEpoch, TenantId, UserId};

use super::context::{Caller, SystemEntry, TenantCtx};
use super::lanes::Lanes;
use super::lookup::Lookup;

/// Every migration there is, in order.
pub fn migrations() -> Migrator {
    let mut migrator = sqlx::migrate!("../migrations");
    // A server of the previous release runs on the schema of the next while it is being rolled out.
    migrator.set_ignore_missing(true);
    migrator
}

/// Brings the schema up to date, as the role that owns the tables. An advisory lock keeps two processes from doing it at
/// once. Returns how many migrations were applied.
pub async fn migrate(owner: &PgConnectOptions) -> Result<usize, MigrateError> {
    let mut connection = owner.connect().await?;
    let before = applied(&mut connection).await?;
    migrations().run(&mut connection).await?;
    connection.execute("grant select on _sqlx_migrations to app").await?;
    let after = applied(&mut connection).await?;
    connection.close().await?;
    Ok(after - before)
}

/// Lets the server's role log in with this password, from now on with no other. The owner must be allowed to: it made the
/// role, or is a superuser.
pub async fn set_app_password(owner: &PgConnectOptions, password: &str) -> Result<(), sqlx::Error> {
    let mut connection = owner.connect().await?;
    // A statement of this kind takes no arguments: the database quotes the password for it.
    let statement: String = sqlx::query_scalar("select format('alter role app with login password %L', $1::text)")
        .bind(password)
        .fetch_one(&mut connection)
        .await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}

async fn applied(connection: &mut sqlx::PgConnection) -> Result<usize, sqlx::Error> {
    let exists: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *connection).await?;
    if !exists {
        return Ok(0);
    }
    let count: i64 =
        sqlx::query_scalar("select count(*) from _sqlx_migrations where success").fetch_one(connection).await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The database as the server uses it: as the role `app`.
#[derive(Debug, Clone)]
pub struct Tenancy {
    pool: PgPool,
    lanes: Arc<Lanes>,
    lookup: Lookup,
}

impl Tenancy {
    /// Opens the pool. Fails if the database cannot be reached or is not migrated.
    pub async fn connect(app: PgConnectOptions, max_connections: u32) -> Result<Self, sqlx::Error> {
        let app = app.application_name("callout").options([
            // Nothing on a request's path may take longer; a stuck writer would hold up the feed for everyone.
            ("statement_timeout", "20s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "20s"),
        ]);
        let pool = PgPoolOptions::new()
            // The lanes keep theirs; the rest is for what runs before a tenant is known.
            .max_connections(max_connections + 2)
            .acquire_timeout(Duration::from_secs(5))
            // Only what runs before a tenant is known, and new lanes, come from here: a look at whether the connection has
            // survived the last restart of the database costs little, and otherwise each dead one fails somebody.
            .test_before_acquire(true)
            // Ends a transaction that a connection brings back, and says nothing if there is none (a lone `rollback`
            // would warn). A connection on which this fails is thrown away.
            .after_release(|connection, _| {
                Box::pin(async move { connection.execute("begin; rollback").await.map(|_| true) })
            })
            .connect_with(app)
            .await?;
        let lanes = Lanes::new(pool.clone(), max_connections as usize);
        let lookup = Lookup::start(Arc::clone(&lanes));
        Ok(Self { pool, lanes, lookup })
    }

    /// Whether every migration this program knows has been applied.
    pub async fn is_migrated(&self) -> Result<bool, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let applied = applied(&mut connection).await.unwrap_or_default();
        Ok(applied >= migrations().iter().count())
    }

    /// The role that the pool logs in as, if row-level security would not bind it: a superuser, or whoever owns the tables.
    pub async fn unbound_role(&self) -> Result<Option<String>, sqlx::Error> {
        sqlx::query_scalar(
            "select rolname::text from pg_roles
             where rolname = current_user
               and (rolsuper or rolbypassrls
                    or exists (select from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
                                 and pg_has_role(current_user, relowner, 'member')))",
        )
        .fetch_optional(&self.pool)
        .await
    }

    /// An error unless the database answers.
    pub async fn check(&self) -> Result<(), sqlx::Error> {
        self.pool.execute("select 1").await.map(|_| ())
    }

    /// The server acting for a tenant on its own account.
    pub fn system(&self, tenant: TenantId, entry: SystemEntry) -> TenantCtx {
        TenantCtx::new(self.clone(), tenant, Caller::System(entry))
    }

    /// The accounts an address may belong to: at most two, since more than one signs nobody in. Runs before a tenant is
    /// known, through a function that answers only this.
    pub async fn sign_in_candidates(&self, email: &str, slug: Option<&str>) -> Result<Vec<Candidate>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"select tenant_id as "tenant_id!", user_id as "user_id!", password_hash as "password_hash!"
               from sign_in_candidates($1, $2)"#,
            email,
            slug,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Candidate {
                tenant: TenantId(row.tenant_id),
                user: UserId(row.user_id),
                password_hash: row.password_hash,
            })
            .collect())
    }

    /// Every tenant there is, for workers that take them one by one.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, sqlx::Error> {
        let ids =
            sqlx::query_scalar!(r#"select tenant_id as "tenant_id!" from tenants()"#).fetch_all(&self.pool).await?;
        Ok(ids.into_iter().map(TenantId).collect())
    }

    /// The present epoch of the server's history; the fresh one if the database has been restored since it was last asked,
    /// or if a person says so.
    pub async fn server_epoch(
        &self,
        fresh: ServerEpoch,
        is_restored: bool,
        now: DateTime<Utc>,
    ) -> Result<ServerEpoch, sqlx::Error> {
        let epoch =
            sqlx::query_scalar!(r#"select claim_server_epoch($1, $2, $3) as "epoch!""#, fresh.0, is_restored, now)
                .fetch_one(&self.pool)
                .await?;
        Ok(ServerEpoch(epoch))
    }

    /// Drops what has expired, of every tenant. Returns how many rows that were.
    pub async fn forget_expired(&self, now: DateTime<Utc>) -> Result<i64, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let rows =
            sqlx::query_scalar!(r#"select forget_expired($1) as "rows!""#, now).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Brings the measures of the pool up to date.
    pub fn measure(&self) {
        metrics::gauge!("database_connections").set(self.pool.size());
        metrics::gauge!("database_connections_idle").set(u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX));
    }

    /// Waits for the units of work that still run, then closes every connection.
    pub async fn close(&self) {
        self.lanes.close().await;
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    pub(super) fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes
    }
}

/// An enabled account that a sign-in may mean.
pub struct Candidate {
    pub tenant: TenantId,
    pub user: UserId,
    pub password_hash: String,
}
