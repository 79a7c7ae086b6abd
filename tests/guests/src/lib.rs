//! Plugins that misbehave, for the tests: see examples/.
