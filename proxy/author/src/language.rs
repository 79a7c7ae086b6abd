//! The languages that a plugin can be started in, and the files that each starts with. It builds nothing.

use std::fmt;
use std::str::FromStr;

/// A language with a template and a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "languages by their names")]
pub enum Language {
    Rust,
    C,
    #[serde(rename = "js")]
    JavaScript,
    Python,
    Go,
}

/// A file of a template, with `{{name}}` for the plugin's name.
type File = (&'static str, &'static str);

const HOOKS: File = ("hooks.wit", include_str!("../../../plugin-sdk/templates/shared/hooks.wit"));

impl Language {
    /// Every language.
    pub const ALL: [Self; 5] = [Self::Rust, Self::C, Self::JavaScript, Self::Python, Self::Go];

    /// As in `--lang` and in `plugin.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::JavaScript => "js",
            Self::Python => "python",
            Self::Go => "go",
        }
    }

    /// What a project in this language begins with, beside what all have.
    pub(crate) fn template(self) -> &'static [File] {
        match self {
            Self::Rust => &[
                ("Cargo.toml", include_str!("../../../plugin-sdk/templates/rust/standalone.toml")),
                ("src/lib.rs", include_str!("../../../plugin-sdk/templates/rust/src/lib.rs")),
            ],
            Self::C => {
                &[HOOKS, ("plugin.c", include_str!("../../../plugin-sdk/templates/c/plugin.c"))]
            }
            Self::JavaScript => {
                &[HOOKS, ("plugin.js", include_str!("../../../plugin-sdk/templates/js/plugin.js"))]
            }
            Self::Python => &[
                HOOKS,
                ("plugin.py", include_str!("../../../plugin-sdk/templates/python/plugin.py")),
            ],
            Self::Go => &[
                HOOKS,
                ("plugin.go", include_str!("../../../plugin-sdk/templates/go/plugin.go")),
                ("go.mod", include_str!("../../../plugin-sdk/templates/go/go.mod")),
            ],
        }
    }

    /// What its build leaves behind, for `.gitignore`.
    pub(crate) fn leavings(self) -> &'static str {
        match self {
            Self::Rust => "/target/\n",
            Self::C | Self::Go => "/build/\n",
            Self::JavaScript => "/build/\n/node_modules/\n",
            Self::Python => "/build/\n/.venv/\n__pycache__/\n",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|language| language.name() == text);
        found
            .ok_or_else(|| format!("no template is in `{text}`; there are rust, c, js, python, go"))
    }
}
