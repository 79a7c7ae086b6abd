//! A plugin that cannot be used is refused at load, with the reason, whatever is wrong with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hither_plugin_host::{
    Budget, Capability, ConfigureError, Failure, Hook, Host, HostOptions, LoadError, Problem, Spec,
};

use crate::scene::{World, bytes, host, load, one_config, refused, spec};

#[test]
fn a_core_module_loads_and_says_what_it_is() {
    let (host, _) = host();
    let loaded = load(&host, spec("capable"));
    assert_eq!(loaded.manifest().name, "hither-guests");
    assert_eq!(loaded.hooks().iter().collect::<Vec<_>>(), [Hook::RequestFilter]);
    assert_eq!(loaded.manifest().metrics.len(), 3);
    assert_eq!(loaded.config_schema().unwrap()["type"], "object");
    assert_eq!(loaded.digest().len(), 64);
}

#[test]
fn a_plugin_that_imports_nothing_needs_no_grants() {
    let (host, _) = host();
    load(&host, Spec { grants: vec![], ..spec("noop") });
}

#[test]
fn every_missing_grant_is_named_with_the_line_to_add() {
    let (host, _) = host();
    let error = refused(&host, Spec { grants: vec![Capability::Log], ..spec("capable") });
    let text = error.to_string();
    assert!(text.contains("metrics, store, instances"), "{text}");
    assert!(text.contains(r#"grants = ["log", "metrics", "store", "instances"]"#), "{text}");
}

#[test]
fn a_wrong_digest_is_refused_and_the_right_one_is_not() {
    let (host, _) = host();
    let digest = load(&host, spec("noop")).digest().to_uppercase();
    load(&host, Spec { sha256: Some(digest), ..spec("noop") });
    let wrong = Spec { sha256: Some("00".repeat(32)), ..spec("noop") };
    assert!(matches!(refused(&host, wrong), LoadError::Digest { .. }));
}

#[test]
fn a_half_written_file_is_refused_at_every_length() {
    let (host, _) = host();
    let whole = bytes("noop");
    for length in [0, 1, 4, 7, 8, 9, 100, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let spec = Spec { bytes: whole[..length].to_vec(), ..spec("noop") };
        let error = refused(&host, spec);
        assert!(
            matches!(error, LoadError::Damaged(_) | LoadError::NotWasm(_) | LoadError::NotAPlugin),
            "{length} bytes: {error:?}"
        );
    }
}

#[test]
fn what_is_no_plugin_is_refused() {
    let (host, _) = host();
    let refuse = |bytes: &[u8]| refused(&host, Spec::new("x", bytes.to_vec()));
    assert!(matches!(refuse(b"<html>"), LoadError::NotWasm(_)));
    assert!(matches!(refuse(b"\0asm\x01\0\0\0"), LoadError::NotAPlugin));
    assert!(matches!(refuse(b"\x7fELF and so on"), LoadError::Precompiled));
    let empty_component = refuse(b"\0asm\x0d\0\x01\0");
    assert!(matches!(empty_component, LoadError::Refused(_)), "{empty_component:?}");
}

#[test]
fn another_version_of_the_contract_is_named() {
    let (host, _) = host();
    let LoadError::Refused(problems) = refused(&host, spec("other_version")) else {
        panic!("refused for another reason");
    };
    let named = Problem::OtherVersion("hither:plugin/lifecycle@0.2.0".to_owned());
    assert_eq!(problems, [named]);
}

#[test]
fn a_hook_that_is_not_served_is_named() {
    let (host, _) = host();
    let text = refused(&host, spec("unserved_hook")).to_string();
    assert!(text.contains("cache-policy@0.1.0"), "{text}");
    assert!(text.contains("not serve yet"), "{text}");
}

#[test]
fn describe_that_never_returns_is_ended() {
    let (host, _) = host();
    let budget = Budget { startup: Duration::from_millis(50), ..Budget::default() };
    let begin = Instant::now();
    let error = refused(&host, Spec { budget, ..spec("describe_loops") });
    assert!(matches!(error, LoadError::Describe(Failure::Timeout)), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn describe_has_no_capabilities() {
    let (host, world) = host();
    let error = refused(&host, spec("describe_logs"));
    assert!(matches!(error, LoadError::Describe(Failure::NoCapability("log"))), "{error:?}");
    assert!(world.lines.lock().is_empty());
}

#[test]
fn configure_that_traps_is_refused() {
    let (host, _) = host();
    let error = load(&host, spec("configure_traps")).configure(one_config("{}")).unwrap_err();
    let trapped = matches!(&error, ConfigureError::Failed { failure: Failure::Trap(_), plugin } if plugin == "configure_traps");
    assert!(trapped, "{error:?}");
}

#[test]
fn a_configuration_that_the_plugin_refuses_is_named_in_its_words() {
    let (host, _) = host();
    let loaded = load(&host, spec("capable"));
    let mut configs = one_config("{}");
    configs.extend(one_config(r#"{"greeting":"bad"}"#));
    configs[1].id = 7;
    let text = loaded.configure(configs).unwrap_err().to_string();
    assert!(text.contains("configuration 7"), "{text}");
    assert!(text.contains("I do not like this greeting"), "{text}");
    // The same code takes a good one.
    loaded.configure(one_config("{}")).unwrap();
}

#[test]
fn a_budget_that_no_instance_could_have_is_refused() {
    let (host, _) = host();
    let none = Budget { instances: 0, ..Budget::default() };
    assert!(matches!(refused(&host, Spec { budget: none, ..spec("noop") }), LoadError::Budget(_)));
    let tiny = Budget { memory: 1 << 16, ..Budget::default() };
    let error = refused(&host, Spec { budget: tiny, ..spec("noop") });
    assert!(matches!(error, LoadError::Describe(Failure::Memory)), "{error:?}");
}

#[test]
fn compiled_code_is_kept_and_a_torn_file_is_compiled_again() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("compiled");
    let options = || HostOptions {
        cache_dir: Some(folder.clone()),
        ..HostOptions::new(Arc::new(World::default()))
    };
    load(&Host::new(options()).unwrap(), spec("noop"));
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&files[0])), (0o700, 0o600));

    // A second start reads it: a file of another plugin's code in its place would be noticed.
    let whole = fs::read(&files[0]).unwrap();
    let written = fs::metadata(&files[0]).unwrap().modified().unwrap();
    load(&Host::new(options()).unwrap(), spec("noop"));
    assert_eq!(fs::metadata(&files[0]).unwrap().modified().unwrap(), written, "written again");

    fs::write(&files[0], &whole[..whole.len() / 2]).unwrap();
    load(&Host::new(options()).unwrap(), spec("noop"));
    assert_eq!(fs::read(&files[0]).unwrap().len(), whole.len(), "the torn file is still there");
}

/// Interpreters come as several components in one, each with a memory of its own.
#[test]
fn a_component_of_several_memories_is_compiled() {
    let (host, _) = host();
    let bytes = wat::parse_str(include_str!("two_memories.wat")).unwrap();
    let error = refused(&host, Spec::new("two-memories", bytes));
    // It is no plugin: it only says that it exports what a plugin does.
    assert!(matches!(&error, LoadError::Compile(why) if why.contains("describe")), "{error:?}");
}
