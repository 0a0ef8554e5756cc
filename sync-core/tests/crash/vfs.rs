//! Between SQLite and the system: everything goes through to real files, and what changes them is written down.
//!
//! The layer takes the place of the default file system of this process, and keeps all of its functions but five. So
//! what is tested is what ships: the write-ahead log with its shared memory, locks, and the flushes that the store
//! asks for.

#![expect(unsafe_code, reason = "SQLite's file systems are tables of C functions")]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use rusqlite::ffi;

use crate::disk::Effect;

/// A directory under observation; over when dropped.
pub struct Watched {
    directory: PathBuf,
    disk: Arc<Mutex<Disk>>,
}

/// What has happened in a directory, and what shall.
#[derive(Default)]
pub struct Disk {
    pub effects: Vec<Effect>,
    /// Which of the coming flushes fails; 0 is the next.
    pub failing_sync: Option<usize>,
    /// The number of bytes that fit.
    pub room: Option<u64>,
    files: usize,
    present: HashMap<String, usize>,
}

struct Open {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
    file: usize,
    /// The first flush also flushes the directory.
    syncs_directory: bool,
    real: &'static ffi::sqlite3_io_methods,
}

#[derive(Default)]
struct Registry {
    watched: HashMap<PathBuf, Arc<Mutex<Disk>>>,
    /// By the address of SQLite's file.
    open: HashMap<usize, Open>,
    /// The tables that stand in for the real ones, by the address of those.
    methods: HashMap<usize, &'static ffi::sqlite3_io_methods>,
}

/// The file system that was there before.
struct Real(&'static ffi::sqlite3_vfs);

// SAFETY: SQLite's own table, which is never changed and may be used from any thread.
unsafe impl Send for Real {}
// SAFETY: as above.
unsafe impl Sync for Real {}

fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: OnceLock<Mutex<Registry>> = OnceLock::new();
    REGISTRY.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn real() -> &'static ffi::sqlite3_vfs {
    static REAL: OnceLock<Real> = OnceLock::new();
    REAL.get_or_init(|| {
        // SAFETY: the default file system lives as long as the process; ours is leaked, so it does too. All of its
        // functions but two are the real ones, which find in our copy of the table what they need.
        unsafe {
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            let name = c"watched".as_ptr();
            let ours = ffi::sqlite3_vfs { zName: name, pNext: std::ptr::null_mut(), ..*real };
            let ours = ffi::sqlite3_vfs { xOpen: Some(open), xDelete: Some(delete), ..ours };
            assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1), ffi::SQLITE_OK);
            Real(&*real)
        }
    })
    .0
}

impl Watched {
    /// From now on, what SQLite does in this directory is written down.
    pub fn new(directory: &Path) -> Self {
        real();
        let (directory, disk) = (directory.canonicalize().unwrap(), Arc::new(Mutex::new(Disk::default())));
        registry().watched.insert(directory.clone(), disk.clone());
        Self { directory, disk }
    }

    /// A file that was there before all this, and is flushed.
    pub fn already_holds(&self, name: &str, bytes: &[u8]) {
        let mut disk = self.disk();
        disk.files += 1;
        let (name, file) = (name.to_owned(), disk.files);
        disk.present.insert(name.clone(), file);
        let write = Effect::Write { file, at: 0, bytes: bytes.to_vec() };
        disk.effects.extend([Effect::Create { name, file }, write, Effect::Sync { file, directory: true }]);
    }

    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How much has happened.
    pub fn now(&self) -> usize {
        self.disk().effects.len()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        registry().watched.remove(&self.directory);
    }
}

/// The disk and the name of a file, if its directory is watched.
///
/// # Safety
/// `name` is null or a C string.
unsafe fn watched(name: *const c_char) -> Option<(PathBuf, String, Arc<Mutex<Disk>>)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    let path = Path::new(unsafe { CStr::from_ptr(name) }.to_str().ok()?);
    let directory = path.parent()?;
    let disk = registry().watched.get(directory)?.clone();
    Some((directory.to_owned(), path.file_name()?.to_str()?.to_owned(), disk))
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls us as it would call the real function, and we pass on what it gave.
    unsafe {
        let watched = watched(name);
        let was_there = watched.as_ref().is_some_and(|(directory, name, _)| directory.join(name).exists());
        let opened = real().xOpen.unwrap()(vfs, name, file, flags, out_flags);
        let Some((directory, name, disk)) = watched.filter(|_| opened == ffi::SQLITE_OK) else { return opened };
        let number = {
            let mut disk = disk.lock().unwrap();
            if !was_there {
                disk.files += 1;
                let file = disk.files;
                disk.present.insert(name.clone(), file);
                disk.effects.push(Effect::Create { name: name.clone(), file });
            }
            disk.present[&name]
        };
        let journals = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
        let syncs_directory = flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & journals != 0;
        let real: &'static ffi::sqlite3_io_methods = &*(*file).pMethods;
        let mut registry = registry();
        let ours = *registry.methods.entry(std::ptr::from_ref(real) as usize).or_insert_with(|| {
            let (x_write, x_truncate, x_sync, x_close) =
                (Some(write as _), Some(truncate as _), Some(sync as _), close as _);
            let ours = ffi::sqlite3_io_methods { xWrite: x_write, xTruncate: x_truncate, ..*real };
            Box::leak(Box::new(ffi::sqlite3_io_methods { xSync: x_sync, xClose: Some(x_close), ..ours }))
        });
        (*file).pMethods = ours;
        let path = directory.join(name);
        registry.open.insert(file as usize, Open { disk, path, file: number, syncs_directory, real });
        opened
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: as SQLite called us.
    unsafe {
        let deleted = real().xDelete.unwrap()(vfs, name, sync_directory);
        if let Some((_, name, disk)) = watched(name).filter(|_| deleted == ffi::SQLITE_OK) {
            let mut disk = disk.lock().unwrap();
            disk.present.remove(&name);
            disk.effects.push(Effect::Delete { name, directory: sync_directory != 0 });
        }
        deleted
    }
}

/// The real functions of an open file, with what `note` makes of it.
fn with<T>(file: *mut ffi::sqlite3_file, note: impl FnOnce(&mut Open, &mut Disk) -> T) -> T {
    let mut registry = registry();
    let open = registry.open.get_mut(&(file as usize)).unwrap();
    let disk = open.disk.clone();
    note(open, &mut disk.lock().unwrap())
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, len: c_int, at: i64) -> c_int {
    // SAFETY: SQLite gives so many bytes.
    let slice = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len as usize) };
    let real = with(file, |open, disk| {
        if disk.room.is_some_and(|room| open.used_after(at as u64 + len as u64) > room) {
            return None;
        }
        disk.effects.push(Effect::Write { file: open.file, at: at as usize, bytes: slice.to_vec() });
        Some(open.real)
    });
    // SAFETY: as SQLite called us.
    real.map_or(ffi::SQLITE_FULL, |real| unsafe { real.xWrite.unwrap()(file, bytes, len, at) })
}

impl Open {
    /// What all files of the directory hold once this one reaches so far, those that SQLite knows nothing of too.
    fn used_after(&self, end: u64) -> u64 {
        let files = std::fs::read_dir(self.path.parent().unwrap()).unwrap().flatten();
        let len = |path: &Path| path.metadata().map_or(0, |known| known.len());
        let used: u64 = files.map(|file| len(&file.path())).sum();
        used + end.saturating_sub(len(&self.path))
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let real = with(file, |open, disk| {
        disk.effects.push(Effect::Truncate { file: open.file, size: size as usize });
        open.real
    });
    // SAFETY: as SQLite called us.
    unsafe { real.xTruncate.unwrap()(file, size) }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    let real = with(file, |open, disk| {
        let fails = disk.failing_sync == Some(0);
        disk.failing_sync = disk.failing_sync.and_then(|left| left.checked_sub(1));
        if fails {
            disk.effects.push(Effect::SyncFailed { file: open.file });
            return None;
        }
        let directory = std::mem::take(&mut open.syncs_directory);
        disk.effects.push(Effect::Sync { file: open.file, directory });
        Some(open.real)
    });
    // SAFETY: as SQLite called us.
    real.map_or(ffi::SQLITE_IOERR_FSYNC, |real| unsafe { real.xSync.unwrap()(file, flags) })
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let open = registry().open.remove(&(file as usize)).unwrap();
    // SAFETY: as SQLite called us.
    unsafe { open.real.xClose.unwrap()(file) }
}
