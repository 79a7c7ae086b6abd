//! Everything that a snapshot is built from, as read at one moment: the configuration's text and
//! plan, and the bytes of its plugins. Kept in the history, so that going back needs no file.

use super::{Look, Looks};
use crate::host_facts;
use crate::secret::Secret;
use hither_config::{Plan, ReadError, Report, Source};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A plugin's file, shared by all that hold it.
pub(crate) type PluginBytes = Arc<[u8]>;

/// No plugin is larger; Python's interpreter as a component has 18 MB.
pub(crate) const MAX_PLUGIN: u64 = 128 * 1024 * 1024;

/// What was read.
#[derive(Clone)]
pub(crate) struct Materials {
    pub(crate) source: Arc<Source>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) plugins: BTreeMap<String, PluginBytes>,
    /// What a request for a trace must show, where that is configured.
    pub(crate) trace_token: Option<Arc<Secret>>,
    /// The files as they looked just before they were read: where watching them begins.
    pub(crate) looks: Looks,
}

/// Why a configuration cannot be used, with everything that is wrong.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// The file could not be read.
    Unreadable(ReadError),
    /// The problems, with their places.
    Invalid(Box<Report>),
    /// Something else, in words.
    Other(String),
}

impl Rejection {
    /// As JSON, for the admin API.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Rejection::Invalid(report) => {
                serde_json::json!({ "error": "invalid", "report": report })
            }
            other => serde_json::json!({ "error": other.to_string() }),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Unreadable(error) => error.fmt(f),
            Rejection::Invalid(report) => report.fmt(f),
            Rejection::Other(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for Rejection {}

impl From<Report> for Rejection {
    fn from(report: Report) -> Rejection {
        Rejection::Invalid(Box::new(report))
    }
}

impl Materials {
    /// Reads the configuration and every plugin's file.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub(crate) fn read(path: &Path) -> Result<Materials, Rejection> {
        let mut looks = Looks::from([(path.to_owned(), Look::at(path))]);
        let source = Source::read(path).map_err(Rejection::Unreadable)?;
        let plan = hither_config::load(&source, &host_facts::environment())?;
        let mut plugins = BTreeMap::new();
        let mut report: Option<Report> = None;
        for (name, plugin) in &plan.plugins {
            looks.insert(plugin.file.clone(), Look::at(&plugin.file));
            match read_bounded(&plugin.file) {
                Ok(bytes) => {
                    plugins.insert(name.as_str().to_owned(), bytes);
                }
                Err(error) => {
                    let message = format!("{} cannot be read: {error}", plugin.file.display());
                    let help =
                        "build it first, or correct the path: it starts at this file's folder";
                    add(
                        &mut report,
                        source.problem(&["plugin", name, "file"], &message, Some(help)),
                    );
                }
            }
        }
        let mut trace_token = None;
        if let Some(path) = plan.admin.trace.as_ref().and_then(|trace| trace.token_file.as_ref()) {
            looks.insert(path.clone(), Look::at(path));
            match Secret::read(path) {
                Ok(token) => trace_token = Some(token.into()),
                Err(why) => {
                    let message = format!("{} cannot be used: {why}", path.display());
                    let place = ["admin", "trace", "token_file"];
                    add(&mut report, source.problem(&place, &message, None));
                }
            }
        }
        match report {
            Some(report) => Err(report.into()),
            None => {
                let (source, plan) = (source.into(), plan.into());
                Ok(Materials { source, plan, plugins, trace_token, looks })
            }
        }
    }

    /// The same with other bytes for one plugin.
    ///
    /// # Errors
    /// No plugin of this name is configured.
    pub(crate) fn with_plugin(
        &self,
        name: &str,
        bytes: PluginBytes,
    ) -> Result<Materials, Rejection> {
        if !self.plan.plugins.contains_key(name) {
            let known: Vec<&str> = self.plan.plugins.keys().map(|name| name.as_str()).collect();
            return Err(Rejection::Other(format!(
                "no plugin is called `{name}`; configured are: {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            )));
        }
        let mut next = self.clone();
        next.plugins.insert(name.to_owned(), bytes);
        Ok(next)
    }
}

/// Joins the reports of one source.
pub(super) fn add(sum: &mut Option<Report>, report: Report) {
    *sum = Some(match sum.take() {
        Some(before) => before.and(report),
        None => report,
    });
}

fn read_bounded(path: &Path) -> std::io::Result<PluginBytes> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_PLUGIN + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_PLUGIN {
        return Err(std::io::Error::other("it is larger than 128 MiB"));
    }
    Ok(bytes.into())
}
