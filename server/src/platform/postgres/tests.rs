use std::os::unix::fs::PermissionsExt;

use sqlx::{ConnectOptions, Connection};

use super::*;

fn scratch() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // The server may have to run as another user than the test.
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).expect("its permissions");
    directory
}

fn options(directory: &Path) -> EmbeddedOptions {
    EmbeddedOptions { directory: directory.join("postgres"), durability: Durability::None, max_connections: 10 }
}

async fn ask(server: &Embedded, question: &'static str) -> String {
    let mut connection = server.connect_options(LogIn::Superuser, "postgres").connect().await.expect("a connection");
    let answer = sqlx::query_scalar(question).fetch_one(&mut connection).await.expect("an answer");
    connection.close().await.expect("closed");
    answer
}

fn postmaster_pid(directory: &Path) -> rustix::process::Pid {
    let file = std::fs::read_to_string(directory.join("postgres/cluster/postmaster.pid")).expect("postmaster.pid");
    let pid = file.lines().next().and_then(|line| line.parse().ok()).expect("a process id");
    rustix::process::Pid::from_raw(pid).expect("not zero")
}

#[tokio::test]
async fn starts_stops_and_keeps_its_data() {
    let directory = scratch();
    let server = Embedded::start(&options(directory.path())).expect("first start");
    assert_eq!(ask(&server, "show server_encoding").await, "UTF8");
    assert_eq!(ask(&server, "show listen_addresses").await, "");
    ask(&server, "select pg_reload_conf()::text from (select set_config('a.b', 'c', false)) as x").await;
    sqlx::query("create table kept as select 'here'::text as value")
        .execute(&mut server.connect_options(LogIn::Superuser, "postgres").connect().await.expect("a connection"))
        .await
        .expect("a table");
    server.stop().expect("a clean stop");
    assert!(!directory.path().join("postgres/cluster/postmaster.pid").exists());

    let again = Embedded::start(&options(directory.path())).expect("second start");
    assert_eq!(ask(&again, "select value from kept").await, "here");
    again.stop().expect("a clean stop");
}

#[tokio::test]
async fn a_second_process_adopts_the_running_server_and_leaves_it_running() {
    let directory = scratch();
    let first = Embedded::start(&options(directory.path())).expect("the first");
    let pid = postmaster_pid(directory.path());
    let second = Embedded::start(&options(directory.path())).expect("the second");
    assert_eq!(postmaster_pid(directory.path()), pid);
    second.stop().expect("leaves");
    assert_eq!(ask(&first, "select 'still here'").await, "still here");
    first.stop().expect("stops");
}

#[tokio::test]
async fn recovers_when_the_server_is_killed() {
    let directory = scratch();
    let server = Embedded::start(&options(directory.path())).expect("a start");
    let pid = postmaster_pid(directory.path());
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        if let Ok(connection) = server.connect_options(LogIn::Superuser, "postgres").connect().await {
            connection.close().await.expect("closed");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "not back within 30 s");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_ne!(postmaster_pid(directory.path()), pid);
    server.stop().expect("stops");
}

#[test]
fn says_what_is_wrong_with_a_directory() {
    let directory = scratch();
    let cluster = directory.path().join("postgres/cluster");
    std::fs::create_dir_all(&cluster).expect("a directory");
    std::fs::write(cluster.join("letters.txt"), "mine").expect("a file");
    let error = Embedded::start(&options(directory.path())).expect_err("not empty");
    assert!(matches!(error, PostgresError::NotACluster { .. }), "{error}");

    std::fs::write(cluster.join("PG_VERSION"), "9\n").expect("a file");
    let error = Embedded::start(&options(directory.path())).expect_err("of long ago");
    assert!(matches!(error, PostgresError::OtherVersion { found: 9, .. }), "{error}");
    assert!(error.to_string().contains("pg_upgrade"));
}

#[test]
fn says_when_the_unprivileged_user_cannot_enter() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let private = tempfile::tempdir().expect("a temporary directory");
    std::fs::set_permissions(private.path(), std::fs::Permissions::from_mode(0o700)).expect("its permissions");
    let error = Embedded::start(&options(private.path())).expect_err("unreachable");
    assert!(matches!(error, PostgresError::Unreachable { .. }), "{error}");
}
