//! The thread that owns the folder: looks through it once, then writes what it is given and makes room. Must
//! not know who reads.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use bytes::Bytes;

use super::Shared;
use super::record::{self, Head};

/// Beyond so many, the oldest go, whatever they weigh: each costs some 300 bytes of memory.
const MOST_FILES: usize = 1 << 20;
/// What is being written has this name until it is whole.
const PART: &str = "part";

/// One file to be written.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) head: Arc<Head>,
    pub(super) body: Vec<Bytes>,
    pub(super) bytes: u64,
}

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Order {
    Write(Job),
    /// To remove what is of no use any more, as it does before whatever it is asked for.
    Remove,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    orders: Receiver<Order>,
    part: PathBuf,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, orders: Receiver<Order>) -> Self {
        let part = shared.folder.join(PART);
        Self { shared, orders, part }
    }

    /// Until nobody gives it anything any more.
    pub(super) fn run(self) {
        let _ = fs::remove_file(&self.part);
        self.find_all();
        loop {
            let order = self.orders.recv();
            self.shared.remove_doomed();
            let job = match order {
                Ok(Order::Write(job)) => job,
                Ok(Order::Remove) => continue,
                Err(_) => return,
            };
            let done = self.write(&job);
            self.shared.waiting.fetch_sub(job.bytes, Ordering::Relaxed);
            if done.is_err() {
                self.shared.failed();
                let _ = fs::remove_file(&self.part);
            }
        }
    }

    /// Looks through the folder. What is there and good is found from then on; the rest goes.
    fn find_all(&self) {
        for folder in 0..=u8::MAX {
            let folder = self.shared.folder.join(format!("{folder:02x}"));
            let Ok(files) = fs::read_dir(&folder) else { continue };
            for file in files.flatten() {
                self.find(&file.path());
            }
        }
        // From now on a purge finds everything.
        self.shared.state.lock().purged = None;
        self.make_room(0);
    }

    fn find(&self, path: &Path) {
        let opened = File::open(path).and_then(|mut file| {
            let size = file.metadata()?.len();
            Ok(record::open(&mut file, size).map(|opened| (opened, size)))
        });
        let good = opened.ok().flatten().filter(|(opened, _)| {
            let head = &opened.head;
            head.until() > SystemTime::now() && path == self.shared.path(&head.key)
        });
        let Some((opened, size)) = good else {
            let _ = fs::remove_file(path);
            return;
        };
        let head = &opened.head;
        let mut state = self.shared.state.lock();
        let purged = state.purged.iter().flatten();
        let purged = purged.map(super::Purged::gone);
        let gone = purged.into_iter().any(|gone| gone.fits(&head.key, &head.about()));
        if gone || state.wanted.contains_key(&head.key) {
            self.shared.unlink(&head.key);
        } else {
            state.index.add(head, size);
        }
    }

    fn write(&self, job: &Job) -> io::Result<()> {
        if !self.is_wanted(job) {
            return Ok(());
        }
        let mut file = BufWriter::new(File::create(&self.part)?);
        // Not synced: what a power failure leaves is checked when it is read.
        let size = record::write(&mut file, &job.head, &job.body)?;
        file.flush()?;
        self.make_room(size);
        let path = self.shared.path(&job.head.key);
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            fs::create_dir_all(folder)?;
        }
        let mut state = self.shared.state.lock();
        let wanted = state.wanted.get(&job.head.key).is_some_and(|w| w.number == job.number);
        if !wanted {
            drop(state);
            return fs::remove_file(&self.part);
        }
        state.wanted.remove(&job.head.key);
        // Under the lock: whoever purges it finds either what is wanted or what is there.
        fs::rename(&self.part, path)?;
        state.index.add(&job.head, size);
        drop(state);
        self.shared.written.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn is_wanted(&self, job: &Job) -> bool {
        let state = self.shared.state.lock();
        state.wanted.get(&job.head.key).is_some_and(|wanted| wanted.number == job.number)
    }

    /// Removes the oldest until so many bytes more fit.
    fn make_room(&self, bytes: u64) {
        loop {
            let mut state = self.shared.state.lock();
            let full = state.index.bytes() + bytes > self.shared.size;
            if !full && state.index.len() < MOST_FILES {
                return;
            }
            let Some(oldest) = state.index.oldest() else { return };
            state.index.remove(&oldest);
            self.shared.unlink(&oldest);
        }
    }
}
