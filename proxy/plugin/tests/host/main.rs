//! The host with real guests, compiled from source. Each file holds one promise.

mod calls;
mod capabilities;
mod failure;
mod lifetime;
mod load;
mod scene;
mod shipped;
