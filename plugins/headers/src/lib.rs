//! Adds security headers to responses and removes others.
