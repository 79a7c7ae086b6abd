//! The access log: lines gather in memory and are written many at a time by a thread of its own.
//!
//! No request waits for a disk, and none wakes a thread for its line alone, which would cost more than the line.
//! What the writer cannot keep up with, and what a full disk does not take, is dropped and counted.

use super::{RequestFinished, access_line};
use crate::gathering::{Gathering, Pace};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// In bytes: some ten thousand lines may wait.
const PACE: Pace = Pace { most: 8 << 20, enough: 256 << 10, patience: Duration::from_millis(20) };
/// What a burst has left of a buffer is given back beyond this.
const KEPT_ROOM: usize = 2 * PACE.enough;

/// Between two looks whether the file is still where it was opened.
const LOOK: Duration = Duration::from_secs(1);

/// Where the lines go. Dropped, it writes what waits.
pub(crate) struct AccessLog(Option<Writer>);

struct Writer {
    lines: Arc<Lines>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Lines {
    waiting: Gathering<u8>,
    /// So many, since they were last counted.
    lost: AtomicU64,
}

impl AccessLog {
    /// No access log.
    pub(crate) fn off() -> AccessLog {
        AccessLog(None)
    }

    /// To standard output.
    ///
    /// # Errors
    /// No thread could be started.
    pub(crate) fn stdout() -> io::Result<AccessLog> {
        AccessLog::to(|lines| {
            let mut out = io::stdout().lock();
            write_out(&mut out, lines)
        })
    }

    /// Appended to a file, which is made if it is not there, and made anew where it was moved away.
    ///
    /// # Errors
    /// The file cannot be opened for writing, or no thread could be started.
    pub(crate) fn file(path: &Path) -> io::Result<AccessLog> {
        let mut out = Followed::open(path.to_owned())?;
        AccessLog::to(move |lines| {
            out.follow();
            write_out(&mut out.file, lines)
        })
    }

    /// `out` takes whole lines and says how many bytes of them it could write.
    fn to(out: impl FnMut(&[u8]) -> usize + Send + 'static) -> io::Result<AccessLog> {
        let lines = Arc::new(Lines { waiting: Gathering::new(PACE), lost: AtomicU64::new(0) });
        let taken = lines.clone();
        let thread = thread::Builder::new().name("access-log".into());
        let thread = thread.spawn(move || write_all(&taken, out))?;
        Ok(AccessLog(Some(Writer { lines, thread: Mutex::new(Some(thread)) })))
    }

    /// Takes the request's line.
    pub(super) fn write(&self, event: &RequestFinished<'_>) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let Some(Writer { lines, .. }) = &self.0 else { return };
        LINE.with_borrow_mut(|line| {
            line.clear();
            access_line::write(line, event, SystemTime::now());
            if !lines.waiting.put(line.len(), |all| all.extend_from_slice(line)) {
                lines.lost.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// How many lines were lost since this was asked last.
    pub(super) fn lost(&self) -> u64 {
        self.0.as_ref().map_or(0, |writer| writer.lines.lost.swap(0, Ordering::Relaxed))
    }

    /// Writes what waits. Blocks for as long as that takes.
    pub(super) fn finish(&self) {
        let Some(writer) = &self.0 else { return };
        writer.lines.waiting.close();
        if let Some(thread) = writer.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lines.waiting.close();
    }
}

/// Writes lines until the log is closed and all are written.
fn write_all(lines: &Lines, mut out: impl FnMut(&[u8]) -> usize) {
    let mut batch = Vec::new();
    let mut torn = false;
    while lines.waiting.take(&mut batch, usize::MAX) {
        // The rest of a line that did not get through must not be taken for the next one's beginning.
        torn = torn && out(b"\n") == 0;
        let written = if torn { 0 } else { out(&batch) };
        let (through, lost) = batch.split_at(written);
        torn = torn || through.last().is_some_and(|byte| *byte != b'\n');
        let lost = memchr::memchr_iter(b'\n', lost).count() as u64;
        lines.lost.fetch_add(lost, Ordering::Relaxed);
        batch.shrink_to(KEPT_ROOM);
    }
}

/// How many bytes got through.
fn write_out(out: &mut impl Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = out.flush();
    written
}

/// A file that is opened anew where it is no longer found by its name, as after a rotation: nobody has to
/// tell the edge.
struct Followed {
    path: PathBuf,
    file: File,
    looked: Instant,
}

impl Followed {
    fn open(path: PathBuf) -> io::Result<Followed> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(Followed { path, file, looked: Instant::now() })
    }

    fn follow(&mut self) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        let which = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let here = std::fs::metadata(&self.path).map(which).ok();
        // Where another cannot be opened, the one that is open goes on.
        if here != self.file.metadata().map(which).ok()
            && let Ok(anew) = Followed::open(self.path.clone())
        {
            *self = anew;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::serve::RequestId;
    use std::sync::mpsc::channel;

    fn tell(log: &AccessLog) {
        let id = RequestId::random();
        let client = std::net::IpAddr::from([127, 0, 0, 1]);
        log.write(&RequestFinished::refused(client, ("edge", "ams"), Fault::BadTarget, &id));
    }

    #[test]
    fn a_stalled_writer_costs_lines_and_no_time() {
        let (release, gate) = channel::<()>();
        let log = AccessLog::to(move |_| {
            let _ = gate.recv();
            0
        })
        .expect("a thread");
        (0..PACE.most / 100).for_each(|_| tell(&log));
        assert!(log.lost() > 0, "what waits must be bounded");
        drop(release);
    }

    #[test]
    fn all_that_was_told_is_written_before_the_end() {
        let (out, lines) = channel();
        let log = AccessLog::to(move |lines| {
            let _ = out.send(lines.to_vec());
            lines.len()
        })
        .expect("a thread");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let log = &log;
                scope.spawn(move || (0..1000).for_each(|_| tell(log)));
            }
        });
        log.finish();
        assert_eq!(log.lost(), 0);
        let written: Vec<Vec<u8>> = lines.iter().collect();
        let text = String::from_utf8(written.concat()).expect("text");
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        assert_eq!(text.lines().count(), 4000);
        assert!(written.len() < 400, "written one by one: {} times", written.len());
    }

    #[test]
    fn a_full_disk_is_counted_and_what_it_tore_spoils_no_other_line() {
        let (ask, asked) = channel::<usize>();
        let (out, wrote) = channel();
        let log = AccessLog::to(move |lines| {
            let room = asked.recv().unwrap_or(usize::MAX).min(lines.len());
            let _ = out.send(lines[..room].to_vec());
            room
        })
        .expect("a thread");
        tell(&log);
        ask.send(10).expect("a writer");
        let mut disk = wrote.recv().expect("a part of a line");
        assert_eq!(disk.len(), 10);
        tell(&log);
        drop(ask);
        log.finish();
        wrote.iter().for_each(|more| disk.extend(more));
        let text = String::from_utf8(disk).expect("text");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((log.lost(), lines.len()), (1, 2), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(lines[1]).is_ok(), "{text}");
    }
}
