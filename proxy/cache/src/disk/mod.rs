//! The second tier: responses as files, that survive a restart. Memory is asked first and gets what is found
//! here; what is kept there is written here beside the requests, and dropped where the disk cannot keep up.
//!
//! Crash-safe without waiting for the disk: a file is written beside and renamed, and each is checked against
//! its digests whenever it is read, so that one which a crash or a failing disk has torn is nothing. (foyer was
//! looked at: it brings a memory tier of its own and cannot tell what it holds, by which alone it could be
//! purged after a restart.)
//!
//! | room | |
//! |---|---|
//! | `record` | a response as bytes |
//! | `index` | what is there, and who goes first |
//! | `writer` | the thread that writes and makes room |
//!
//! It must not know moka or Pingora's storage.

mod index;
pub(crate) mod record;
mod writer;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::SystemTime;

use bytes::Bytes;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use pingora_cache::key::HashBinary;
use std::collections::HashMap;
use tokio::sync::Semaphore;

use crate::marks::Mark;
use index::{Entry, Index};
use record::Head;
use writer::{Job, Order, Writer};

/// Files that wait to be written.
const MOST_WAITING: usize = 256;
/// Their bytes, which are held in memory.
const MOST_BYTES_WAITING: u64 = 64 << 20;
/// Files that are read at once, each into memory.
const MOST_READ: usize = 8;

/// Where, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskOptions {
    /// The folder, which is the cache's alone.
    pub folder: PathBuf,
    /// Bytes of all files together.
    pub size: u64,
}

/// What can be told of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskFigures {
    /// Responses that lie there.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Responses that were written.
    pub written: u64,
    /// Responses that were found.
    pub hits: u64,
    /// Responses that were not written, since the disk could not keep up.
    pub dropped: u64,
    /// Files that could not be written, or were not what they should have been.
    pub failures: u64,
}

/// A folder of responses.
#[derive(Debug)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    orders: SyncSender<Order>,
    reading: Semaphore,
}

/// What the writer and those who look share.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    size: u64,
    /// Held as long as anybody writes: two processes must not have the same folder.
    _lock: File,
    state: Mutex<State>,
    waiting: AtomicU64,
    written: AtomicU64,
    hits: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    index: Index,
    /// What is to be written, each with its number: what is purged or replaced meanwhile is not.
    wanted: HashMap<HashBinary, Wanted, RandomState>,
    next: u64,
    /// Files that are of no use any more, for the writer to remove.
    doomed: Vec<HashBinary>,
    /// Keys that were purged while the folder was still being looked through.
    purged: Option<Vec<Purged>>,
}

#[derive(Debug)]
struct Wanted {
    number: u64,
    head: Arc<Head>,
}

/// What must not come back from a file that is found later.
#[derive(Debug)]
enum Purged {
    Place(HashBinary),
    Key(HashBinary),
    Tag(Option<Box<str>>, Box<str>),
    Service(Box<str>),
}

/// What to remove.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gone<'a> {
    /// Of a URL, or of a key that a plugin gave.
    Place(HashBinary),
    /// One response.
    Key(HashBinary),
    /// With a tag, of one service or of all.
    Tag(Option<&'a str>, &'a str),
    /// Of a service.
    Service(&'a str),
}

/// Whether a response, by its primary key and its own, is kept in memory as well.
pub(crate) type Known<'a> = dyn Fn(&HashBinary, &HashBinary) -> bool + 'a;

impl Gone<'_> {
    fn fits(&self, key: &HashBinary, entry: &About<'_>) -> bool {
        match self {
            Gone::Place(place) => entry.url == *place || entry.primary == *place,
            Gone::Key(own) => own == key,
            Gone::Service(service) => entry.service == *service,
            Gone::Tag(service, tag) => {
                service.is_none_or(|service| service == entry.service)
                    && entry.tags.iter().any(|own| own == *tag)
            }
        }
    }
}

/// What a purge looks at.
struct About<'a> {
    primary: HashBinary,
    url: HashBinary,
    service: &'a str,
    tags: &'a [String],
}

impl Entry {
    fn about(&self) -> About<'_> {
        About { primary: self.primary, url: self.url, service: &self.service, tags: &self.tags }
    }
}

impl Head {
    fn about(&self) -> About<'_> {
        About { primary: self.primary, url: self.url, service: &self.service, tags: self.tags() }
    }
}

impl Disk {
    /// Opens a folder, and makes it where there is none. What lies there is found little by little, by the
    /// thread that writes.
    ///
    /// # Errors
    /// The folder cannot be made or written, another process has it, or there can be no thread.
    pub(crate) fn open(options: &DiskOptions) -> io::Result<Disk> {
        fs::create_dir_all(&options.folder)?;
        let lock = File::create(options.folder.join("lock"))?;
        if let Err(error) = lock.try_lock() {
            return Err(match error {
                fs::TryLockError::Error(error) => error,
                fs::TryLockError::WouldBlock => {
                    io::Error::new(io::ErrorKind::ResourceBusy, "another process has this folder")
                }
            });
        }
        let state = State { purged: Some(Vec::new()), ..State::default() };
        let shared = Arc::new(Shared {
            folder: options.folder.clone(),
            size: options.size,
            _lock: lock,
            state: Mutex::new(state),
            waiting: AtomicU64::new(0),
            written: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let (orders, taken) = sync_channel(MOST_WAITING);
        let writer = Writer::new(shared.clone(), taken);
        thread::Builder::new().name("cache-disk".into()).spawn(move || writer.run())?;
        Ok(Disk { shared, orders, reading: Semaphore::new(MOST_READ) })
    }

    pub(crate) fn figures(&self) -> DiskFigures {
        let shared = &self.shared;
        let (objects, bytes) = {
            let state = shared.state.lock();
            (state.index.len() as u64, state.index.bytes())
        };
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DiskFigures {
            objects,
            bytes,
            written: get(&shared.written),
            hits: get(&shared.hits),
            dropped: get(&shared.dropped),
            failures: get(&shared.failures),
        }
    }

    /// Has a response written, beside the request that brought it.
    pub(crate) fn write(&self, head: Head, body: Vec<Bytes>) {
        let shared = &self.shared;
        let bytes: u64 = body.iter().map(|piece| piece.len() as u64).sum();
        let head = Arc::new(head);
        let number = {
            let mut state = shared.state.lock();
            state.next += 1;
            let number = state.next;
            // What lies there of this key is of the past from now on; the new one takes its file's place.
            let replaced = state.index.remove(&head.key).is_some();
            state.doomed.extend(replaced.then_some(head.key));
            state.wanted.insert(head.key, Wanted { number, head: head.clone() });
            number
        };
        let waiting = shared.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let job = Job { number, head, body, bytes };
        let refused = match waiting > MOST_BYTES_WAITING || bytes > shared.size {
            true => Some(job),
            false => self.give(Order::Write(job)),
        };
        if let Some(job) = refused {
            shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            let mut state = shared.state.lock();
            if state.wanted.get(&job.head.key).is_some_and(|wanted| wanted.number == job.number) {
                state.wanted.remove(&job.head.key);
            }
            drop(state);
            self.give(Order::Remove);
        }
    }

    /// What the writer is given to do, if it can take more: else the job is given back.
    fn give(&self, order: Order) -> Option<Job> {
        match self.orders.try_send(order) {
            Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => match order {
                Order::Write(job) => Some(job),
                // It looks before each job.
                Order::Remove => None,
            },
            Ok(()) => None,
        }
    }

    /// The response with this key, if it is there, whole and still of use. Never waits for more than the few
    /// that are being read.
    pub(crate) async fn read(&self, key: HashBinary) -> Option<(Head, Bytes)> {
        if !self.has(&key) {
            return None;
        }
        let _turn = self.reading.acquire().await.ok()?;
        let shared = self.shared.clone();
        let read = tokio::task::spawn_blocking(move || shared.read(&key)).await.ok()?;
        // Purged while it was read, it is not given.
        if !self.has(&key) {
            return None;
        }
        self.shared.hits.fetch_add(u64::from(read.is_some()), Ordering::Relaxed);
        read
    }

    /// Whether a response with this key is there.
    pub(crate) fn has(&self, key: &HashBinary) -> bool {
        self.shared.state.lock().index.touch(key, SystemTime::now())
    }

    /// How many responses bear a tag.
    pub(crate) fn tagged(&self, tag: &str) -> usize {
        self.shared.state.lock().index.count(Mark::Tag(tag))
    }

    /// Removes responses: they are not found any more when this returns, and the writer removes their files
    /// before it writes others. How many that were, without those that memory knows.
    pub(crate) fn purge(&self, gone: &Gone<'_>, known: &Known<'_>) -> u64 {
        let shared = &self.shared;
        let mut state = shared.state.lock();
        state.wanted.retain(|key, wanted| !gone.fits(key, &wanted.head.about()));
        if let Some(purged) = &mut state.purged {
            purged.push(gone.kept());
        }
        let keys = match gone {
            Gone::Place(place) => state.index.at(Mark::Key(*place)),
            Gone::Key(key) => vec![*key],
            Gone::Tag(_, tag) => state.index.at(Mark::Tag(tag)),
            Gone::Service(service) => state.index.all(|entry| *entry.service == **service),
        };
        let mut removed = 0;
        for key in keys {
            let fits = state.index.get(&key).is_some_and(|entry| gone.fits(&key, &entry.about()));
            if let Some(primary) = fits.then(|| state.index.remove(&key)).flatten() {
                removed += u64::from(!known(&primary, &key));
                state.doomed.push(key);
            }
        }
        drop(state);
        self.give(Order::Remove);
        removed
    }

    /// Removes the files of all that was purged, here and now, so that not even a crash brings it back. Not for
    /// a thread that serves requests.
    pub(crate) fn settle(&self) {
        self.shared.remove_doomed();
    }
}

impl Gone<'_> {
    fn kept(&self) -> Purged {
        match *self {
            Gone::Place(place) => Purged::Place(place),
            Gone::Key(key) => Purged::Key(key),
            Gone::Tag(service, tag) => Purged::Tag(service.map(Into::into), tag.into()),
            Gone::Service(service) => Purged::Service(service.into()),
        }
    }
}

impl Purged {
    fn gone(&self) -> Gone<'_> {
        match self {
            Purged::Place(place) => Gone::Place(*place),
            Purged::Key(key) => Gone::Key(*key),
            Purged::Tag(service, tag) => Gone::Tag(service.as_deref(), tag),
            Purged::Service(service) => Gone::Service(service),
        }
    }
}

impl Shared {
    /// In one of 256 folders, so that none is too long.
    fn path(&self, key: &HashBinary) -> PathBuf {
        let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(&name[..2]).join(name)
    }

    fn unlink(&self, key: &HashBinary) {
        match fs::remove_file(self.path(key)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => self.failed(),
        }
    }

    /// Removes what is of no use, one after the other, so that nobody who looks for something waits for long.
    fn remove_doomed(&self) {
        loop {
            let mut state = self.state.lock();
            let Some(key) = state.doomed.pop() else { return };
            // A newer file may have taken its place.
            if state.index.get(&key).is_none() {
                self.unlink(&key);
            }
        }
    }

    fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self, key: &HashBinary) -> Option<(Head, Bytes)> {
        let read = read_file(&self.path(key)).filter(|(head, _)| head.key == *key);
        if read.is_none() {
            // Torn, or gone meanwhile.
            let mut state = self.state.lock();
            if state.index.remove(key).is_some() {
                self.unlink(key);
                self.failed();
            }
        }
        read
    }
}

fn read_file(path: &Path) -> Option<(Head, Bytes)> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    let opened = record::open(&mut file, size)?;
    let body = record::body(&mut file, &opened)?;
    Some((opened.head, body))
}

#[cfg(test)]
mod tests;
