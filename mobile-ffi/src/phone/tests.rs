use super::*;
use crate::key::SoftwareKey;
use crate::record::DiskSpace;
use crate::transport::{Request, TransportError};

/// No network.
struct Nowhere;

impl Transport for Nowhere {
    fn post(&self, _: Request) -> Result<Vec<u8>, TransportError> {
        Err(TransportError::Unreachable { detail: "nowhere".into() })
    }
}

fn config(directory: &Path) -> PhoneConfig {
    let server = sync_core::wire::ServerSigner::from_secret(&[1; 32]).public_key();
    let id = |n| sync_core::ids::TenantId::from_slice(&[n; 16]).unwrap();
    PhoneConfig {
        directory: directory.to_string_lossy().into_owned(),
        store_key: vec![7; 32],
        tenant: TenantId(id(1)),
        user: UserId(sync_core::ids::UserId(id(2).0)),
        device: DeviceId(sync_core::ids::DeviceId(id(3).0)),
        server_keys: vec![server.to_bytes().to_vec()],
        app_version: "1.0".into(),
    }
}

fn open(directory: &Path) -> Result<Arc<Phone>, FieldError> {
    Phone::open(config(directory), SoftwareKey::from_secret(vec![9; 32]).unwrap(), Arc::new(Nowhere))
}

fn names(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name());
    files.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// The files that this process has open there.
#[cfg(target_os = "linux")]
fn held_open(directory: &Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter(|file| std::fs::read_link(file.path()).is_ok_and(|path| path.starts_with(directory))).count()
}

#[cfg(target_os = "linux")]
#[test]
fn a_paused_phone_holds_no_file_and_no_lock_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let phone = open(directory.path()).unwrap();
    assert!(held_open(directory.path()) > 0);
    phone.pause();
    assert_eq!(held_open(directory.path()), 0);
    assert!(!names(directory.path()).iter().any(|name| name.ends_with("-wal")), "its log is empty and gone");
    assert!(matches!(phone.status(), Err(FieldError::Busy { .. })));
    assert!(matches!(phone.sync(), Err(FieldError::Busy { .. })));
    assert!(matches!(phone.log_out(None, true), Err(FieldError::Busy { .. })));
    phone.pause();
    phone.resume().unwrap();
    phone.resume().unwrap();
    assert_eq!(phone.status().unwrap().disk_space, DiskSpace::Enough);
}

#[test]
fn f29_a_phone_with_nothing_on_it_logs_out_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let phone = open(directory.path()).unwrap();
    std::fs::write(directory.path().join("photo.jpg"), b"the app's own").unwrap();
    phone.log_out(None, false).unwrap();
    assert_eq!(names(directory.path()), ["photo.jpg"]);
    assert_eq!(phone.status(), Err(FieldError::SignIn));
    assert_eq!(phone.resume(), Err(FieldError::SignIn));
    assert!(open(directory.path()).is_ok(), "the next user begins anew");
}

#[test]
fn a_damaged_database_is_set_aside_and_the_app_can_ask_what_happened() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let file = directory.path().join("callout.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..50].fill(1);
    std::fs::write(&file, &bytes).unwrap();
    for _ in 0..2 {
        let report = open(directory.path()).unwrap().salvage().unwrap().unwrap();
        assert_eq!(std::fs::read(report.set_aside).unwrap(), bytes);
        assert_eq!((report.number, report.lost.len(), report.unreadable), (1, 0, 0));
        assert!(report.carried.iter().any(|count| count.table == "meta" && count.rows == 1));
    }
}
