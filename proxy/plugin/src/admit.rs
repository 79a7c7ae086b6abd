//! Bytes from outside: are they a plugin, is it whole, and may it import and export what it does? Only
//! names are read here; nothing is compiled, and nothing is run.

use std::borrow::Cow;

use wasmparser::{Encoding, Parser, Payload};

use crate::fault::{LoadError, Problem, bounded};
use crate::hook::{Capability, Hooks, Meaning, meaning};

/// The largest file that is looked at; a Python component has 18 MB.
const LARGEST: usize = 128 << 20;

/// A component whose imports and exports are allowed.
#[derive(Debug)]
pub(crate) struct Admitted<'a> {
    pub(crate) component: Cow<'a, [u8]>,
    pub(crate) surface: Allowed,
}

/// What an admitted component exports and imports, as far as it is ours.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) hooks: Hooks,
    /// In the order of the type, each once.
    pub(crate) needs: Vec<Capability>,
}

impl Allowed {
    /// Whether a call of it may take as long as somebody else's answer.
    pub(crate) fn waits(&self) -> bool {
        self.needs.contains(&Capability::Http)
    }
}

/// Turns a core module into a component where needed, and checks it against the grants.
pub(crate) fn admit<'a>(bytes: &'a [u8], grants: &[Capability]) -> Result<Admitted<'a>, LoadError> {
    let component = match outline(bytes)? {
        Outline::Component => Cow::Borrowed(bytes),
        Outline::Module => Cow::Owned(encode(bytes)?),
    };
    let surface = Surface::read(&component)?;
    let surface = surface.check(grants)?;
    Ok(Admitted { component, surface })
}

/// The same for a component that answers requests.
pub(crate) fn admit_component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    let component = match outline(bytes)? {
        Outline::Component => Cow::Borrowed(bytes),
        Outline::Module => Cow::Owned(encode(bytes).map_err(|error| match error {
            LoadError::NotAPlugin | LoadError::Refused(_) => LoadError::NotAComponent,
            other => other,
        })?),
    };
    Surface::read(&component)?.check_component()?;
    Ok(component)
}

enum Outline {
    Component,
    Module,
}

/// What kind of file this is, by its first bytes.
fn outline(bytes: &[u8]) -> Result<Outline, LoadError> {
    if bytes.is_empty() {
        return Err(LoadError::NotWasm("the file is empty"));
    }
    // Wasmtime's precompiled files are ELF objects.
    if bytes.starts_with(b"\x7fELF") {
        return Err(LoadError::Precompiled);
    }
    if bytes.len() > LARGEST {
        return Err(LoadError::NotWasm("the file is larger than 128 MiB"));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotWasm("it does not begin as a .wasm file does"));
    }
    if Parser::is_component(bytes) {
        return Ok(Outline::Component);
    }
    if Parser::is_core_wasm(bytes) {
        return Ok(Outline::Module);
    }
    Err(LoadError::Damaged(
        "it ends within its first eight bytes, or has an unknown version".into(),
    ))
}

fn damaged(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Damaged(bounded(&error.to_string()))
}

/// Makes a component of a core module, by the contract that the module carries.
fn encode(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut carries_contract = false;
    let mut preview1 = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::CustomSection(section) => {
                carries_contract |= section.name().starts_with("component-type");
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    preview1 |= import.map_err(damaged)?.module.starts_with("wasi_");
                }
            }
            _ => {}
        }
    }
    if preview1 {
        return Err(LoadError::Refused(vec![Problem::Preview1]));
    }
    if !carries_contract {
        return Err(LoadError::NotAPlugin);
    }
    let encoder = wit_component::ComponentEncoder::default().validate(true).module(bytes);
    let encoded = encoder.and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| LoadError::Damaged(bounded(&format!("{error:#}"))))
}

/// The names that a component imports and exports.
#[derive(Default)]
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Surface {
    fn read(component: &[u8]) -> Result<Self, LoadError> {
        let mut surface = Self::default();
        // Components nest; only the outermost one's names are its own.
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(damaged)? {
                Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => {
                    depth += 1;
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        surface.imports.push(import.map_err(damaged)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        surface.exports.push(export.map_err(damaged)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(surface)
    }

    /// All problems at once.
    fn check(&self, grants: &[Capability]) -> Result<Allowed, LoadError> {
        let mut problems = Vec::new();
        let mut needed = Vec::new();
        let mut wasi = Vec::new();
        for name in &self.imports {
            match meaning(name) {
                Meaning::Types | Meaning::InertWasi => {}
                Meaning::Capability(capability) => needed.push(capability),
                Meaning::OtherVersion => problems.push(Problem::OtherVersion(bounded(name))),
                Meaning::Wasi => wasi.push(bounded(name)),
                Meaning::Lifecycle | Meaning::Hook(_) | Meaning::Unknown | Meaning::Foreign => {
                    problems.push(Problem::UnknownImport(bounded(name)));
                }
            }
        }
        needed.sort();
        needed.dedup();
        let missing: Vec<_> =
            needed.iter().copied().filter(|capability| !grants.contains(capability)).collect();
        if !missing.is_empty() {
            problems.push(Problem::Grants { missing, needed: needed.clone() });
        }
        if !wasi.is_empty() {
            problems.push(Problem::Wasi(wasi));
        }
        let hooks = self.hooks(&mut problems);
        let hurried: Vec<_> = hooks.iter().filter(|hook| !hook.may_wait()).collect();
        let allowed = Allowed { hooks, needs: needed };
        if allowed.waits() && !hurried.is_empty() {
            problems.push(Problem::MayNotWait(hurried));
        }
        if problems.is_empty() { Ok(allowed) } else { Err(LoadError::Refused(problems)) }
    }

    fn check_component(&self) -> Result<(), LoadError> {
        let foreign = self.imports.iter().filter(|name| !crate::wasi::served(name));
        let foreign: Vec<_> = foreign.map(|name| bounded(name)).collect();
        let mut problems = Vec::new();
        if !foreign.is_empty() {
            problems.push(Problem::NotForComponents(foreign));
        }
        if !self.exports.iter().any(|name| crate::wasi::is_handler(name)) {
            problems.push(Problem::NoHandler);
        }
        if problems.is_empty() { Ok(()) } else { Err(LoadError::Refused(problems)) }
    }

    fn hooks(&self, problems: &mut Vec<Problem>) -> Hooks {
        let mut hooks = Hooks::default();
        let mut lifecycle = false;
        let already = problems.len();
        for name in &self.exports {
            match meaning(name) {
                Meaning::Lifecycle => lifecycle = true,
                Meaning::Hook(hook) => hooks.insert(hook),
                Meaning::OtherVersion => problems.push(Problem::OtherVersion(bounded(name))),
                Meaning::Unknown | Meaning::Capability(_) => {
                    problems.push(Problem::UnknownExport(bounded(name)));
                }
                // A toolchain may export its own things beside the hooks; nobody calls them.
                Meaning::Types | Meaning::InertWasi | Meaning::Wasi | Meaning::Foreign => {}
            }
        }
        // When an export was refused, what it lacks is not the news.
        if problems.len() == already {
            if !lifecycle {
                problems.push(Problem::NoLifecycle);
            }
            if hooks.is_empty() {
                problems.push(Problem::NoHook);
            }
        }
        hooks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::Hook;

    fn surface(imports: &[&str], exports: &[&str]) -> Surface {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Surface { imports: owned(imports), exports: owned(exports) }
    }

    const GOOD: [&str; 2] = ["hither:plugin/lifecycle@0.1.0", "hither:plugin/routing@0.1.0"];

    #[test]
    fn all_missing_grants_are_named_with_the_line_to_add() {
        let imports = ["hither:plugin/store@0.1.0", "hither:plugin/log@0.1.0"];
        let error = surface(&imports, &GOOD).check(&[Capability::Log]).unwrap_err().to_string();
        assert!(error.contains("not granted: store;"), "{error}");
        assert!(error.contains(r#"`grants = ["log", "store"]`"#), "{error}");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let imports = [
            "hither:plugin/cache-control@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:io/streams@0.2.0",
            "acme:x/y",
        ];
        let exports = ["hither:plugin/nonsense@0.1.0", "hither:plugin/routing@0.2.0"];
        let error = surface(&imports, &exports).check(&[]).unwrap_err().to_string();
        for part in ["cache-control@0.2.0", "wasi:http", "acme:x/y", "nonsense", "another version"]
        {
            assert!(error.contains(part), "{part} is missing in {error}");
        }
        assert!(!error.contains("wasi:io"), "{error}");
    }

    #[test]
    fn who_waits_may_have_only_hooks_that_may() {
        let imports = ["hither:plugin/http@0.1.0"];
        let waiting = surface(&imports, &GOOD);
        assert!(waiting.check(&[Capability::Http]).is_ok_and(|allowed| allowed.waits()));
        let exports = ["hither:plugin/response-filter@0.1.0", GOOD[0], GOOD[1]];
        let error = surface(&imports, &exports).check(&[Capability::Http]).unwrap_err().to_string();
        assert!(error.contains("nobody may wait in `response-filter`"), "{error}");
    }

    #[test]
    fn a_plugin_needs_lifecycle_and_a_hook() {
        let Err(LoadError::Refused(problems)) = surface(&[], &[]).check(&[]) else {
            panic!("it was admitted");
        };
        assert_eq!(problems, [Problem::NoLifecycle, Problem::NoHook]);
        assert!(surface(&[], &GOOD).check(&[]).unwrap().hooks.contains(Hook::Routing));
    }

    #[test]
    fn what_is_no_component_is_refused_by_name() {
        assert!(matches!(admit(b"", &[]), Err(LoadError::NotWasm(_))));
        assert!(matches!(admit(b"#!/bin/sh", &[]), Err(LoadError::NotWasm(_))));
        assert!(matches!(admit(b"\x7fELF\x02", &[]), Err(LoadError::Precompiled)));
        assert!(matches!(admit(b"\0asm", &[]), Err(LoadError::Damaged(_))));
        assert!(matches!(admit(b"\0asm\x01\0\0\0", &[]), Err(LoadError::NotAPlugin)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, component: bool) {
            let head = if component { *b"\0asm\x0d\0\x01\0" } else { *b"\0asm\x01\0\0\0" };
            bytes.splice(0..0, head);
            let _ = admit(&bytes, &[]);
        }
    }
}
