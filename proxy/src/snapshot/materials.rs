//! Everything that a snapshot is built from, as read at one moment: the configuration's text and
//! plan, and the bytes of its plugins and components. Kept in the history, so that going back needs no file.

use super::code::{CodeName, Fetched, fetch_all};
use super::{Look, Looks};
use crate::host_facts;
use crate::rollout::Rollout;
use crate::secret::Secret;
use crate::serve::{Certificate, PairFile};
use hither_config::{
    Code, Digest, Name, Plan, PluginPlan, ReadError, Report, SecretPlan, Source, TlsPlan,
};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A plugin's or component's file, shared by all that hold it.
pub(crate) type PluginBytes = Arc<[u8]>;

/// What a plugin is lent, by the names that it calls them.
pub(crate) type PluginSecrets = BTreeMap<String, Secret>;

/// No plugin is larger; Python's interpreter as a component has 18 MB.
pub(crate) const MAX_PLUGIN: u64 = 128 * 1024 * 1024;

/// A certificate with a long chain has some ten KiB.
const MAX_PEM: u64 = 1024 * 1024;

/// What was read.
#[derive(Clone)]
pub(crate) struct Materials {
    pub(crate) source: Arc<Source>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) plugins: BTreeMap<String, PluginBytes>,
    /// By the services that they answer for.
    pub(crate) components: BTreeMap<String, PluginBytes>,
    /// By the places of the listeners that have any.
    pub(crate) certificates: BTreeMap<usize, Vec<Arc<Certificate>>>,
    /// Those of plugins that have any.
    pub(crate) secrets: BTreeMap<String, Arc<PluginSecrets>>,
    /// What a request for a trace must show, where that is configured.
    pub(crate) trace_token: Option<Arc<Secret>>,
    /// What of them was fetched, for whoever reads the next ones.
    pub(crate) fetched: Fetched,
    /// The files as they looked just before they were read: where watching them begins.
    pub(crate) looks: Looks,
}

/// New revisions that are to be beside those of the materials, by plugin. Apart from them: the history knows
/// no half of a swap.
pub(crate) type Trials = BTreeMap<Arc<str>, TrialWish>;

/// A new revision, and the rollout that it is for.
#[derive(Clone)]
pub(crate) struct TrialWish {
    pub(crate) bytes: PluginBytes,
    pub(crate) rollout: Arc<Rollout>,
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
    /// Reads the configuration and the code of every plugin and component. What `before` has is not fetched
    /// again, since its name says which bytes it is. Blocking: what is fetched may take two minutes.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub(crate) fn read(path: &Path, before: &Fetched) -> Result<Materials, Rejection> {
        Materials::read_telling(path, before, &mut Looks::new())
    }

    /// The same; `looks` is told of every file that was looked for, there or not, also where the configuration
    /// cannot be used: when one of them changes, it may be.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub(crate) fn read_telling(
        path: &Path,
        before: &Fetched,
        looks: &mut Looks,
    ) -> Result<Materials, Rejection> {
        looks.insert(path.to_owned(), Look::at(path));
        let source = Source::read(path).map_err(Rejection::Unreadable)?;
        let plan = hither_config::load(&source, &host_facts::environment())?;
        let elsewhere = fetch_all(&plan, before);
        let mut reading = Reading { source: &source, looks, elsewhere: &elsewhere, report: None };
        let mut plugins = BTreeMap::new();
        let mut secrets = BTreeMap::new();
        for (name, plugin) in &plan.plugins {
            let place = ["plugin", name, "file"];
            if let Some(bytes) = reading.code(&plugin.code, plugin.sha256, &place) {
                plugins.insert(name.to_string(), bytes);
            }
            if !plugin.secrets.is_empty() {
                secrets.insert(name.to_string(), reading.secrets(name, plugin).into());
            }
        }
        let mut components = BTreeMap::new();
        for (name, service) in &plan.services {
            let Some(component) = &service.component else { continue };
            let place = ["service", name, "component"];
            if let Some(bytes) = reading.code(&component.code, component.sha256, &place) {
                components.insert(name.to_string(), bytes);
            }
        }
        let mut certificates = BTreeMap::new();
        for (place, listener) in plan.listeners.iter().enumerate() {
            if let Some(tls) = &listener.tls {
                certificates.insert(place, reading.certificates(place, tls));
            }
        }
        let trace_token = reading.trace_token(&plan);
        match reading.report {
            Some(report) => Err(report.into()),
            None => {
                let (source, plan) = (source.into(), plan.into());
                let fetched = elsewhere.into_iter();
                let fetched = fetched.filter_map(|(name, code)| Some((name, code.ok()?))).collect();
                Ok(Materials {
                    source,
                    plan,
                    plugins,
                    components,
                    certificates,
                    secrets,
                    trace_token,
                    fetched,
                    looks: looks.clone(),
                })
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

/// Reads the files that a plan names, and gathers what is wrong with them.
struct Reading<'a> {
    source: &'a Source,
    looks: &'a mut Looks,
    elsewhere: &'a BTreeMap<CodeName, Result<PluginBytes, String>>,
    report: Option<Report>,
}

impl Reading<'_> {
    /// The WebAssembly that stands at a place of the configuration.
    fn code(&mut self, code: &Code, sha256: Option<Digest>, place: &[&str]) -> Option<PluginBytes> {
        if let Code::File(file) = code {
            return self.file(file, place);
        }
        match self.elsewhere.get(&(code.clone(), sha256)) {
            Some(Ok(bytes)) => Some(bytes.clone()),
            Some(Err(why)) => {
                let message = format!("it cannot be fetched: {why}");
                self.problem(place, &message, None);
                None
            }
            None => None,
        }
    }

    fn file(&mut self, file: &Path, place: &[&str]) -> Option<PluginBytes> {
        self.looks.insert(file.to_owned(), Look::at(file));
        match read_bounded(file, MAX_PLUGIN) {
            Ok(bytes) => Some(bytes.into()),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                let help = "build it first, or correct the path: it starts at this file's folder";
                self.problem(place, &message, Some(help));
                None
            }
        }
    }

    fn secrets(&mut self, plugin: &Name, plan: &PluginPlan) -> PluginSecrets {
        let mut secrets = PluginSecrets::new();
        for (name, plan) in &plan.secrets {
            let (key, shown, read) = match plan {
                SecretPlan::File(path) => {
                    self.looks.insert(path.clone(), Look::at(path));
                    ("file", path.display().to_string(), Secret::read(path))
                }
                SecretPlan::Variable(name) => {
                    ("env", format!("${name}"), Secret::of_variable(name))
                }
            };
            match read {
                Ok(secret) => drop(secrets.insert(name.to_string(), secret)),
                Err(why) => {
                    let place = ["plugin", plugin, "secrets", name, key];
                    self.problem(&place, &format!("{shown} cannot be used: {why}"), None);
                }
            }
        }
        secrets
    }

    fn certificates(&mut self, listener: usize, plan: &TlsPlan) -> Vec<Arc<Certificate>> {
        let mut certificates = Vec::with_capacity(plan.certificates.len());
        for (number, plan) in plan.certificates.iter().enumerate() {
            let at = |key| {
                let (listener, number) = (listener.to_string(), number.to_string());
                ["listener".to_owned(), listener, "certificate".to_owned(), number, key]
            };
            let cert = self.pem(&plan.cert, &at("cert".to_owned()));
            let key = self.pem(&plan.key, &at("key".to_owned()));
            let (Some(cert), Some(key)) = (cert, key) else { continue };
            match Certificate::new(&cert, &key) {
                Ok(certificate) if number > 0 && certificate.names().is_empty() => {
                    let message = "no client would be shown it: it is for no DNS name";
                    let help = "its subjectAltName says what it is for; only a listener's first needs none";
                    self.problem(&at("cert".to_owned()), message, Some(help));
                }
                Ok(certificate) => certificates.push(Arc::new(certificate)),
                Err(bad) => {
                    let (file, place) = match bad.file() {
                        PairFile::Cert => (&plan.cert, at("cert".to_owned())),
                        PairFile::Key => (&plan.key, at("key".to_owned())),
                    };
                    self.problem(&place, &format!("{}: {bad}", file.display()), None);
                }
            }
        }
        certificates
    }

    /// The text of a certificate or key.
    fn pem(&mut self, file: &Path, place: &[String]) -> Option<Vec<u8>> {
        self.looks.insert(file.to_owned(), Look::at(file));
        match read_bounded(file, MAX_PEM) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                let help = "a relative path starts at this file's folder";
                self.problem(place, &message, Some(help));
                None
            }
        }
    }

    fn trace_token(&mut self, plan: &Plan) -> Option<Arc<Secret>> {
        let path = plan.admin.trace.as_ref()?.token_file.as_ref()?;
        self.looks.insert(path.clone(), Look::at(path));
        match Secret::read(path) {
            Ok(token) => Some(token.into()),
            Err(why) => {
                let message = format!("{} cannot be used: {why}", path.display());
                self.problem(&["admin", "trace", "token_file"], &message, None);
                None
            }
        }
    }

    fn problem(&mut self, place: &[impl AsRef<str>], message: &str, help: Option<&str>) {
        let place: Vec<&str> = place.iter().map(AsRef::as_ref).collect();
        let place = &*place;
        add(&mut self.report, self.source.problem(place, message, help));
    }
}

/// Joins the reports of one source.
pub(super) fn add(sum: &mut Option<Report>, report: Report) {
    *sum = Some(match sum.take() {
        Some(before) => before.and(report),
        None => report,
    });
}

fn read_bounded(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(std::io::Error::other(format!("it is larger than {} MiB", most >> 20)));
    }
    Ok(bytes)
}
