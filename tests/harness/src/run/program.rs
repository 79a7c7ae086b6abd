//! A process that is being tested: started with its streams gathered, signalled and killed by its own id.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use super::event::Event;
use super::lines::Lines;
use super::usage;
use crate::eventually::within;

/// A running process. It is killed when dropped; if the test is failing, its last lines are printed first.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Mutex<Child>,
    pid: u32,
    stdout: Lines,
    stderr: Lines,
}

/// What a process said that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Program {
    /// Runs a binary in a folder to its end.
    ///
    /// # Panics
    /// If it cannot be started, or has not ended in time, with what it wrote.
    pub async fn run(
        binary: impl AsRef<Path>,
        folder: impl AsRef<Path>,
        arguments: &[&str],
        deadline: Duration,
    ) -> Ended {
        let mut command = Command::new(binary.as_ref());
        command.args(arguments).current_dir(folder);
        let program = Self::start(&arguments.join(" "), command);
        let status = program.wait_exit(deadline).await;
        let (stdout, stderr) = (program.stdout.tail(usize::MAX), program.stderr.tail(usize::MAX));
        Ended { status, stdout, stderr }
    }

    /// Starts a command with an empty stdin.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = Lines::gather(child.stdout.take().unwrap());
        let stderr = Lines::gather(child.stderr.take().unwrap());
        let pid = child.id();
        Self { name: name.to_owned(), child: Mutex::new(child), pid, stdout, stderr }
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it wrote to stdout.
    #[must_use]
    pub fn stdout(&self) -> &Lines {
        &self.stdout
    }

    /// What it wrote to stderr.
    #[must_use]
    pub fn stderr(&self) -> &Lines {
        &self.stderr
    }

    /// The lines of stderr that are JSON.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.stderr.all().iter().filter_map(|line| Event::read(line)).collect()
    }

    /// Waits for a log line with this message, already written or to come.
    ///
    /// # Panics
    /// After `deadline`, with the last lines of the log.
    pub async fn wait_for_event(&self, deadline: Duration, message: &str) -> Event {
        let what = format!("the message {message:?} in the log of {}", self.name);
        let wanted = |line: &str| Event::read(line).filter(|event| event.message() == message);
        self.stderr.wait_for(deadline, &what, wanted).await
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn signal(&self, signal: Signal) {
        let mut child = self.child.lock();
        // Only a process that was not waited for still owns its id.
        let ended = child.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "{} got {signal:?} after its end: {ended:?}\n{}",
            self.name,
            self.report()
        );
        kill_process(Pid::from_child(&child), signal).unwrap();
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn exited(&self) -> Option<ExitStatus> {
        self.child.lock().try_wait().unwrap()
    }

    /// Waits until the process has ended and all that it wrote is gathered.
    ///
    /// # Panics
    /// After `deadline`, with the last lines of the log.
    pub async fn wait_exit(&self, deadline: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        let ended = within(deadline, &what, || async {
            let status = self.exited().ok_or("it runs")?;
            if self.stdout.ended() && self.stderr.ended() {
                Ok(status)
            } else {
                Err("it ended, its streams not".into())
            }
        });
        ended.await.unwrap_or_else(|failure| panic!("{failure}\n{}", self.report()))
    }

    /// CPU time used so far, user and system together.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        usage::cpu_time(self.pid)
    }

    /// Resident memory now, in bytes.
    #[must_use]
    pub fn rss(&self) -> u64 {
        usage::memory(self.pid, "VmRSS")
    }

    /// The most resident memory so far, in bytes.
    #[must_use]
    pub fn peak_rss(&self) -> u64 {
        usage::memory(self.pid, "VmHWM")
    }

    /// Open file descriptors now.
    #[must_use]
    pub fn open_fds(&self) -> usize {
        usage::open_fds(self.pid)
    }

    /// From now on it may open so many descriptors more; tells what the limit was.
    #[must_use = "to be given back"]
    pub fn leave_fds(&self, more: usize) -> u64 {
        usage::limit_fds(self.pid, usage::fds_with_room(self.pid, more))
    }

    /// Sets the limit of its descriptors' numbers; tells what it was.
    ///
    /// # Panics
    /// The system does not allow it, as for more than the process's own hard limit.
    pub fn limit_fds(&self, limit: u64) -> u64 {
        usage::limit_fds(self.pid, limit)
    }

    /// Threads now.
    #[must_use]
    pub fn threads(&self) -> usize {
        usage::threads(self.pid)
    }

    /// The last lines of both streams, for messages.
    #[must_use]
    pub fn report(&self) -> String {
        let (name, pid) = (&self.name, self.pid);
        let (errors, output) = (self.stderr.tail(60), self.stdout.tail(20));
        format!("--- stderr of {name} ({pid})\n{errors}--- stdout of {name}\n{output}---")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        // It may have ended by itself; then there is nothing to kill and the wait only collects it.
        let _ = child.kill();
        let _ = child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.report());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Program::start("a shell", command)
    }

    #[tokio::test]
    async fn the_end_is_told_with_all_that_was_written() {
        let program = shell("echo out; echo err >&2; exit 3");
        assert_eq!(program.wait_exit(SOON).await.code(), Some(3));
        assert_eq!(
            (program.stdout().all(), program.stderr().all()),
            (vec!["out".into()], vec!["err".into()])
        );
    }

    #[tokio::test]
    async fn a_command_is_run_in_its_folder_to_its_end() {
        let ended = Program::run("sh", "/", &["-c", "pwd; exit 2"], SOON).await;
        assert_eq!(
            (ended.status.code(), &ended.stdout[..], &ended.stderr[..]),
            (Some(2), "/\n", "")
        );
    }

    #[tokio::test]
    async fn a_signal_reaches_the_process_and_its_usage_can_be_read() {
        let program =
            shell("trap 'exit 7' HUP; echo ready; while :; do read -t 1 x </dev/zero || :; done");
        program.stdout().wait_for(SOON, "ready", |line| (line == "ready").then_some(())).await;
        assert!(program.rss() > 4096 && program.open_fds() >= 3 && program.threads() == 1);
        program.signal(Signal::HUP);
        assert_eq!(program.wait_exit(SOON).await.code(), Some(7));
    }

    #[tokio::test]
    async fn a_dropped_program_is_gone() {
        let program = shell("exec sleep 1000");
        let pid = program.pid();
        drop(program);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}
