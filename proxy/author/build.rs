//! Assembles the adapter and lists the files that `hither plugin new` and `plugin build` write: the
//! contract, the Rust kit, the Go support. Folders are read, so that a file added there is not forgotten.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = here.join("../..").canonicalize()?;

    let adapter = here.join("adapter/preview1.wat");
    println!("cargo::rerun-if-changed={}", adapter.display());
    fs::write(out.join("preview1.wasm"), wat::parse_file(&adapter)?)?;

    let mut text = String::new();
    list(&mut text, "CONTRACT", &root, &["wit"], &["wit"])?;
    let kit = ["plugin-sdk/rust", "wit"];
    list(&mut text, "RUST_KIT", &root, &kit, &["rs", "toml", "md", "wit"])?;
    list(&mut text, "GO_SUPPORT", &root.join("plugin-sdk/go"), &["."], &["go", "mod"])?;
    fs::write(out.join("files.rs"), text)?;
    Ok(())
}

/// A constant with every file of these folders that ends so, by its path from `root`.
fn list(
    text: &mut String,
    name: &str,
    root: &Path,
    folders: &[&str],
    endings: &[&str],
) -> Outcome<()> {
    let mut found = Vec::new();
    for folder in folders {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        gather(&root.join(folder), endings, &mut found)?;
    }
    found.sort();
    writeln!(text, "pub(crate) const {name}: &[(&str, &str)] = &[")?;
    for path in found {
        let place = path.strip_prefix(root)?.to_string_lossy().replace("./", "");
        writeln!(text, "    ({place:?}, include_str!({:?})),", path.display().to_string())?;
    }
    writeln!(text, "];")?;
    Ok(())
}

fn gather(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != "tests" {
                gather(&path, endings, found)?;
            }
        } else if endings.iter().any(|ending| name.ends_with(&format!(".{ending}"))) {
            found.push(path);
        }
    }
    Ok(())
}
