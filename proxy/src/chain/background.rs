//! The ticks of one plugin, on a thread of its own: from the moment at which its revision serves until the next
//! one does. It waits for no request, and none waits for it.

use super::Plugin;
use super::access_log::{runtime, tell};
use hither_plugin_host::{Background, Hook};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{SystemTime, UNIX_EPOCH};

/// Ticks go on until it is dropped.
pub(super) struct Ticks {
    _until_dropped: Sender<()>,
}

impl Ticks {
    /// None for a plugin without the hook.
    pub(super) fn start(plugin: &Arc<Plugin>) -> std::io::Result<Option<Ticks>> {
        let Some(mut background) = Background::of(&plugin.revision) else { return Ok(None) };
        let (sender, stop) = mpsc::channel();
        let weak = Arc::downgrade(plugin);
        let runtime = runtime(background.waits())?;
        std::thread::Builder::new().name(format!("tick-{}", plugin.name)).spawn(move || {
            while stop.recv_timeout(background.period()) == Err(RecvTimeoutError::Timeout) {
                let report = match &runtime {
                    None => background.tick(now_ms()),
                    Some(runtime) => runtime.block_on(background.tick_waiting(now_ms())),
                };
                tell(&weak, Hook::Background, report);
            }
        })?;
        Ok(Some(Ticks { _until_dropped: sender }))
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
