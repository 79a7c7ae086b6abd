//! Hither, an edge reverse proxy: one binary.
