//! What the database itself guarantees, asked of its catalogue: a table, a key or a function that would let tenants see
//! each other fails here, whoever adds it.

use callout_tests::TestApp;
use sqlx::PgConnection;

/// Tables of no tenant, each with what is in it.
const SHARED: [&str; 2] = ["_sqlx_migrations", "server_epoch"];

/// Functions that run with other rights than their caller's. Each answers one narrow question.
const DEFINERS: [&str; 13] = [
    "authenticate",
    "claim_server_epoch",
    "feed_lag_s",
    "find_articles",
    "forget_expired",
    "forget_positions",
    "log_days_due",
    "plans_due",
    "relay_due",
    "relay_lag_s",
    "sign_in_candidates",
    "tenants",
    "tenants_under_way",
];

/// Unique constraints and keys over all tenants: a second tenant learns from them that a value is taken.
const SHARED_UNIQUE: [&str; 1] = ["tenant_slug_key"];

async fn names(database: &mut PgConnection, question: &'static str) -> Vec<String> {
    sqlx::query_scalar(question).fetch_all(database).await.expect("an answer of the catalogue")
}

fn but(names: Vec<String>, known: &[&str]) -> Vec<String> {
    names.into_iter().filter(|name| !known.contains(&name.as_str())).collect()
}

#[tokio::test]
async fn every_table_is_forced_under_row_level_security() {
    let app = TestApp::start().await;
    let mut database = app.database().superuser().await;
    let open = names(
        &mut database,
        "select relname::text from pg_class
         where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
           and not (relrowsecurity and relforcerowsecurity)",
    )
    .await;
    assert_eq!(but(open, &SHARED), Vec::<String>::new(), "tables without row-level security");
    let half_guarded = names(
        &mut database,
        "select c.relname::text from pg_class c
         where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and c.relrowsecurity
           and not exists (
             select from pg_policy p
             where p.polrelid = c.oid and p.polcmd = '*' and (p.polroles = '{0}' or 'app'::regrole::oid = any (p.polroles))
               and pg_get_expr(p.polqual, p.polrelid) like '%app.tenant_id%'
               and pg_get_expr(p.polwithcheck, p.polrelid) like '%app.tenant_id%')",
    )
    .await;
    assert_eq!(half_guarded, Vec::<String>::new(), "tables without a policy for both reading and writing");
    let wide = names(
        &mut database,
        "select c.relname || '.' || p.polname from pg_policy p join pg_class c on c.oid = p.polrelid
         where pg_get_expr(p.polqual, p.polrelid) not like '%app.tenant_id%'
           and p.polroles <> array['callout_definer'::regrole::oid]",
    )
    .await;
    assert_eq!(wide, Vec::<String>::new(), "policies that let others than the listed functions across tenants");
}

#[tokio::test]
async fn the_tenant_leads_every_key() {
    let app = TestApp::start().await;
    let mut database = app.database().superuser().await;
    let keys = names(
        &mut database,
        "select k.conname::text from pg_constraint k
         join pg_class c on c.oid = k.conrelid
         where k.contype in ('p', 'u', 'f', 'x') and c.relnamespace = 'public'::regnamespace
           and c.relrowsecurity
           and (select attname from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]) <> 'tenant_id'",
    )
    .await;
    assert_eq!(but(keys, &SHARED_UNIQUE), Vec::<String>::new(), "keys that do not begin with tenant_id");
    let indexes = names(
        &mut database,
        "select i.relname::text from pg_index x
         join pg_class i on i.oid = x.indexrelid
         join pg_class c on c.oid = x.indrelid
         where c.relnamespace = 'public'::regnamespace and c.relrowsecurity and x.indisunique
           and not exists (select from pg_constraint k where k.conindid = x.indexrelid)
           and (select attname from pg_attribute a where a.attrelid = x.indrelid and a.attnum = x.indkey[0]) <> 'tenant_id'",
    )
    .await;
    assert_eq!(indexes, Vec::<String>::new(), "unique indexes that do not begin with tenant_id");
}

#[tokio::test]
async fn only_the_listed_functions_see_across_tenants() {
    let app = TestApp::start().await;
    let mut database = app.database().superuser().await;
    let definers = names(
        &mut database,
        "select proname::text from pg_proc where pronamespace = 'public'::regnamespace and prosecdef order by 1",
    )
    .await;
    assert_eq!(definers, DEFINERS);
    let loose = names(
        &mut database,
        "select proname::text from pg_proc
         where pronamespace = 'public'::regnamespace and prosecdef
           and (not coalesce(proconfig, '{}') && array['search_path=pg_catalog, public']
                or proowner <> 'callout_definer'::regrole
                or has_function_privilege('public', oid, 'execute'))",
    )
    .await;
    assert_eq!(loose, Vec::<String>::new(), "search path, owner or grant is not as it must be");
    let views = names(
        &mut database,
        "select relname::text from pg_class
         where relnamespace = 'public'::regnamespace
           and (relkind = 'm' or relkind = 'v' and not coalesce(reloptions, '{}') && array['security_invoker=true'])",
    )
    .await;
    assert_eq!(views, Vec::<String>::new(), "views that run as their owner");
}

#[tokio::test]
async fn the_roles_can_do_no_more_than_they_must() {
    let app = TestApp::start().await;
    let mut database = app.database().superuser().await;
    let strong = names(
        &mut database,
        "select rolname::text from pg_roles
         where rolname in ('app', 'callout_definer', 'callout_owner') and (rolsuper or rolbypassrls or rolreplication)",
    )
    .await;
    assert_eq!(strong, Vec::<String>::new());
    let owned = names(
        &mut database,
        "select relname::text from pg_class where relowner = 'app'::regrole
         union all select proname::text from pg_proc where proowner = 'app'::regrole",
    )
    .await;
    assert_eq!(owned, Vec::<String>::new(), "the server's role owns something");
    let truncates = names(
        &mut database,
        "select relname::text from pg_class
         where relnamespace = 'public'::regnamespace and relkind = 'r'
           and (has_table_privilege('app', oid, 'truncate') or has_table_privilege('app', oid, 'trigger'))",
    )
    .await;
    assert_eq!(truncates, Vec::<String>::new());
    let memberships = names(
        &mut database,
        "select r.rolname::text from pg_auth_members m join pg_roles r on r.oid = m.roleid where m.member = 'app'::regrole",
    )
    .await;
    assert_eq!(memberships, Vec::<String>::new(), "the server's role could become another");
}

#[tokio::test]
async fn with_no_tenant_set_there_are_no_rows() {
    let app = TestApp::start().await;
    app.engineer("ana").await;
    let mut database: PgConnection = {
        use sqlx::ConnectOptions;
        app.database().connect_options(callout_server::platform::postgres::LogIn::App).connect().await.expect("as app")
    };
    for question in ["select count(*) from app_user", "select count(*) from session", "select count(*) from tenant"] {
        let rows: i64 = sqlx::query_scalar(question).fetch_one(&mut database).await.expect("a count");
        assert_eq!(rows, 0, "{question}");
    }
    for attempt in [
        "insert into tenant values (gen_random_uuid(), 'x', 'x', now())",
        "set role callout_owner",
        "set role callout_definer",
        "alter table app_user disable row level security",
        "select * from server_epoch",
    ] {
        assert!(sqlx::query(attempt).execute(&mut database).await.is_err(), "{attempt}");
    }
}
