//! Text to Plan: reads hither.toml, reports every problem at once, knows no runtime.
