//! A company that uses the server, and the people it employs.

use std::sync::OnceLock;

use callout_server::platform::random::Random;
use callout_server::state::AppState;
use callout_server::tenancy::bootstrap::{NewTenant, create_tenant};
use callout_server::tenancy::email::Email;
use callout_server::tenancy::{Role, SystemEntry, TenantCtx, TenantTx, session};
use sync_core::ids::{TenantId, UserId};

use crate::actor::{Actor, PASSWORD};

/// One tenant of a test's server.
#[derive(Clone)]
pub struct TestTenant {
    pub id: TenantId,
    pub slug: String,
    admin: UserId,
    state: AppState,
    base: String,
    http: reqwest::Client,
}

impl TestTenant {
    /// Makes it on this server.
    pub async fn create(state: &AppState, slug: &str, base: String, http: reqwest::Client) -> Self {
        let new = NewTenant {
            name: slug.to_owned(),
            slug: slug.to_owned(),
            admin_email: Email::parse(&format!("admin@{slug}.example")).expect("an address"),
            admin_name: "Admin".to_owned(),
            password_hash: password_hash(),
        };
        let (id, admin) =
            create_tenant(&state.tenancy, new, state.clock.now(), state.random).await.expect("a new tenant");
        Self { id, slug: slug.to_owned(), admin, state: state.clone(), base, http }
    }

    /// The same tenant on another process of the server, or one that was started again.
    pub(crate) fn on(self, state: &AppState) -> Self {
        Self { state: state.clone(), ..self }
    }

    /// The server acting for this tenant, for tests below HTTP.
    pub fn system(&self) -> TenantCtx {
        self.state.tenancy.system(self.id, SystemEntry::CommandLine)
    }

    /// The administrator that the tenant began with.
    pub async fn admin(&self) -> Actor {
        self.session_of(self.admin, Role::Admin, format!("admin@{}.example", self.slug)).await
    }

    pub async fn dispatcher(&self, name: &str) -> Actor {
        self.person(name, Role::Dispatcher).await
    }

    pub async fn engineer(&self, name: &str) -> Actor {
        self.person(name, Role::Engineer).await
    }

    /// A new person in this role, signed in.
    pub async fn person(&self, name: &str, role: Role) -> Actor {
        let (now, email) = (self.state.clock.now(), format!("{name}@{}.example", self.slug));
        let user = UserId(self.state.random.uuid(now));
        let (address, name) = (email.clone(), name.to_owned());
        let insert = async move |tx: &mut TenantTx| {
            sqlx::query(
                "insert into app_user (tenant_id, user_id, email, name, password_hash, role, locale, created_at)
                 values ($1, $2, $3, $4, $5, $6, 'en', $7)",
            )
            .bind(tx.tenant().0)
            .bind(user.0)
            .bind(address)
            .bind(name)
            .bind(password_hash())
            .bind(role.as_str())
            .bind(now)
            .execute(&mut **tx)
            .await
        };
        self.system().transact(insert).await.expect("a new user");
        self.session_of(user, role, email).await
    }

    /// Another session of the same person, as from a second device.
    pub async fn sign_in_again(&self, actor: &Actor) -> Actor {
        self.session_of(actor.user, actor.role, actor.email.clone()).await
    }

    async fn session_of(&self, user: UserId, role: Role, email: String) -> Actor {
        let (now, random) = (self.state.clock.now(), self.state.random);
        let open = async move |tx: &mut TenantTx| session::open(tx, user, now, random).await;
        let tokens = self.system().transact(open).await.expect("a session");
        let (base, http) = (self.base.clone(), self.http.clone());
        let (token, refresh_token) = (tokens.access.reveal(), Some(tokens.refresh.reveal()));
        let clock = self.state.clock.clone();
        Actor { tenant: self.id, user, role, email, token, refresh_token, base, http, clock }
    }
}

/// Hashing costs 50 ms; once for all actors of a run is enough.
fn password_hash() -> String {
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let passwords = callout_server::tenancy::password::Passwords::new(Random);
        runtime.block_on(passwords.hash(PASSWORD.to_owned())).expect("a hash")
    };
    HASH.get_or_init(|| std::thread::spawn(hash).join().expect("a hash")).clone()
}
