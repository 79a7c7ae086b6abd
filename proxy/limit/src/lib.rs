//! May it pass? Rate limits counted on this edge, as pure policy.
