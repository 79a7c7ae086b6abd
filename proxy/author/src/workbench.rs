//! A plugin on the bench: loaded as a proxy loads it, and asked without one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use hither_plugin_host::{
    Budget, Capability, Config, Hook, Host, HostOptions, LoadError, Loaded, Problem, Protocol,
    RequestHead, ResponseHead, Revision, Spec,
};

use crate::answer::Answers;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::message::{RequestFile, ResponseFile, Seen};
use crate::surroundings::Bench;

/// One plugin on one bench.
const INSTANCES: u32 = 16;
/// A call may take longer than in a proxy: the machine of an author has other things to do.
const TIME: Duration = Duration::from_secs(1);
/// What an interpreter may take to start, on such a machine.
const STARTUP: Duration = Duration::from_secs(20);

/// A loaded plugin.
#[derive(Debug)]
pub struct Workbench {
    path: PathBuf,
    sheet: Sheet,
    loaded: Arc<Loaded>,
}

/// What a plugin is, read out of the component and out of what it says of itself.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// As it calls itself.
    pub name: String,
    /// As it says.
    pub version: String,
    /// The hooks that it exports.
    pub hooks: Vec<Hook>,
    /// What it has to be granted.
    pub grants: Vec<Capability>,
    /// What it sees of a request.
    pub request_inputs: Vec<String>,
    /// What it sees of a response.
    pub response_inputs: Vec<String>,
    /// The metrics that it declares.
    pub metrics: Vec<String>,
    /// The JSON Schema of its configuration.
    pub schema: Option<serde_json::Value>,
    /// Bytes of the file.
    pub size: usize,
    /// SHA-256 of the file.
    pub digest: String,
    /// How long it took to compile, unless that was done before, and to ask what it is.
    pub load: Duration,
}

impl Workbench {
    /// Loads a plugin and grants it whatever it imports. What was compiled before is not compiled again,
    /// which takes seconds where a plugin brings an interpreter. `log`: whether its log is shown.
    ///
    /// # Errors
    /// When the file cannot be read or loaded, in the host's words.
    pub fn load(path: &Path, log: bool) -> Result<Self, Error> {
        Self::load_with(path, log, cache())
    }

    /// Compiles and loads a plugin, to measure how long that takes.
    ///
    /// # Errors
    /// As [`Workbench::load`].
    pub fn compile(path: &Path) -> Result<Self, Error> {
        Self::load_with(path, false, None)
    }

    fn load_with(path: &Path, log: bool, cache_dir: Option<PathBuf>) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(Error::file(path))?;
        let refuse = |error: String| Error::plugin(path, error);
        let environment = Arc::new(Bench { log });
        let options =
            HostOptions { cache_dir, max_instances: INSTANCES, ..HostOptions::new(environment) };
        let host = Host::new(options).map_err(|error| refuse(error.to_string()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let budget = Budget { time: TIME, startup: STARTUP, instances: 8, ..Budget::default() };
        let spec =
            |grants| Spec { grants, budget: budget.clone(), ..Spec::new(&name, bytes.clone()) };
        let begin = Instant::now();
        // Whoever is granted nothing is told, before anything is compiled, what it would need.
        let (loaded, grants) = match host.load(spec(Vec::new())) {
            Err(LoadError::Refused(problems)) => match problems.as_slice() {
                [Problem::Grants { needed, .. }] => {
                    (host.load(spec(needed.clone())), needed.clone())
                }
                _ => (Err(LoadError::Refused(problems)), Vec::new()),
            },
            loaded => (loaded, Vec::new()),
        };
        let loaded = loaded.map_err(|error| refuse(error.to_string()))?;
        let sheet = Sheet::of(&loaded, grants, bytes.len(), begin.elapsed());
        Ok(Self { path: path.to_owned(), sheet, loaded })
    }

    /// What it is.
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// Asks every hook about one exchange, in the order in which a proxy does. Hooks that no request
    /// waits for are not called.
    ///
    /// # Errors
    /// When the plugin refuses the configuration. A call that fails is an answer.
    pub fn ask(&self, request: &RequestFile, response: &ResponseFile) -> Result<Answers, Error> {
        Ok(Exchange::of(self.configured(request)?, request).ask(response))
    }

    /// Ready to be called with the request's configuration.
    pub(crate) fn configured(&self, request: &RequestFile) -> Result<Arc<Revision>, Error> {
        let json = request.facts.config().unwrap_or("{}");
        let config = Config { id: 0, json: json.as_bytes().to_vec() };
        let lent = request.facts.lent();
        self.loaded
            .configure_with(vec![config], lent)
            .map_err(|error| Error::plugin(&self.path, error))
    }
}

impl Sheet {
    fn of(loaded: &Loaded, grants: Vec<Capability>, size: usize, load: Duration) -> Self {
        let manifest = loaded.manifest();
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            hooks: loaded.hooks().iter().collect(),
            grants,
            request_inputs: manifest.request_inputs.iter().map(ToString::to_string).collect(),
            response_inputs: manifest.response_inputs.iter().map(ToString::to_string).collect(),
            metrics: manifest.metrics.iter().map(|metric| metric.name.clone()).collect(),
            schema: manifest.config_schema.clone(),
            size,
            digest: loaded.digest().to_owned(),
            load,
        }
    }
}

/// Where what was compiled is kept, by this user's edges, too (XDG Base Directory Specification); none
/// without a home.
fn cache() -> Option<PathBuf> {
    let given = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let usual = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    Some(given.or_else(usual)?.join("hither/plugins"))
}

pub(crate) fn request_head<'a>(request: &'a RequestFile, seen: &'a Seen<'a>) -> RequestHead<'a> {
    RequestHead {
        exchange: 1,
        now_ms: now_ms(),
        config: 0,
        rehearsal: false,
        method: &request.method,
        protocol: Protocol::Http11,
        tls: false,
        end_of_stream: request.body.is_empty(),
        authority: &request.authority,
        path: &request.path,
        inputs: seen,
    }
}

pub(crate) fn response_head<'a>(response: &ResponseFile, seen: &'a Seen<'a>) -> ResponseHead<'a> {
    ResponseHead {
        exchange: 1,
        now_ms: now_ms(),
        config: 0,
        status: response.status,
        from_cache: false,
        end_of_stream: response.body.is_empty(),
        inputs: seen,
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
